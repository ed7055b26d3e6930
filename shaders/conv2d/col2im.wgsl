// The transpose of im2col.wgsl: x[n, c, i, j] = the sum of all elements of the columns that im2col reads from there, in the order of
// the taps; one element of x per invocation.
#import conv2d/shape.wgsl
#import conv2d/columns.wgsl
#import common/flat.wgsl

#bind read columns: array<f32> // TAPS × PIXELS an image, by STRIDE_TAP and STRIDE_IMAGE
#bind read_write x: array<f32> // (BATCH, CI, H, W)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= BATCH * CI * H * W) {
    return;
  }
  let col = at % W + PW;
  let row = (at / W) % H + PH;
  let c = (at / (W * H)) % CI;
  let base = at / (W * H * CI) * STRIDE_IMAGE;
  var sum = 0.0;
  // Taps that reach this element from an output pixel: every SH-th row and SW-th column.
  for (var i = row % SH; i < KH && i <= row; i += SH) {
    let p = (row - i) / SH;
    for (var j = col % SW; j < KW && j <= col; j += SW) {
      let q = (col - j) / SW;
      if ((p < HO) & (q < WO)) {
        sum += load_columns(base + ((c * KH + i) * KW + j) * STRIDE_TAP + p * WO + q);
      }
    }
  }
  store_x(at, sum);
}
