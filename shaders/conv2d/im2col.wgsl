// columns[k, p] of each image: the element that tap k reads for output pixel p, 0 outside the map. k counts channel, row, column of
// the weight; one element per invocation.
#import conv2d/shape.wgsl
#import conv2d/columns.wgsl
#import common/flat.wgsl

#bind read x: array<f32> // (BATCH, CI, H, W)
#bind read_write columns: array<f32> // TAPS × PIXELS an image, by STRIDE_TAP and STRIDE_IMAGE

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= BATCH * TAPS * PIXELS) {
    return;
  }
  let p = at % PIXELS;
  let k = (at / PIXELS) % TAPS;
  let n = at / (PIXELS * TAPS);
  // Coordinates above or left of the map wrap to large unsigned numbers.
  let row = p / WO * SH + (k / KW) % KH - PH;
  let col = p % WO * SW + k % KW - PW;
  var value = 0.0;
  if ((row < H) & (col < W)) {
    value = load_x(((n * CI + k / (KH * KW)) * H + row) * W + col);
  }
  store_columns(n * STRIDE_IMAGE + k * STRIDE_TAP + p, value);
}
