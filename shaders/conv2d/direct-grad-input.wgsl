// dx[n, c, row, col] = Σ weight[o, c − g, i, j] dy[n, o, p, q] over p·SH + i − PH = row, q·SW + j − PW = col and the output
// channels o of c's group; one element per invocation. Only every SH-th tap meets an output: i starts at (row + PH) mod SH.
#import conv2d/shape.wgsl
#import common/flat.wgsl

#bind read dy: array<f32> // (BATCH, CO, HO, WO)
#bind read weight: array<f32> // (CO, CG, KH, KW)
#bind read_write dx: array<f32> // (BATCH, CI, H, W)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= BATCH * CI * H * W) {
    return;
  }
  let col = at % W + PW;
  let row = (at / W) % H + PH;
  let c = (at / (W * H)) % CI;
  let n = at / (W * H * CI);
  let g = c / CG;
  var sum = 0.0;
  for (var o = g * OG; o < (g + 1u) * OG; o++) {
    let plane = (n * CO + o) * HO;
    let taps = (o * CG + c % CG) * KH;
    for (var i = row % SH; i < KH && i <= row; i += SH) {
      let p = (row - i) / SH;
      if (p >= HO) {
        continue;
      }
      for (var j = col % SW; j < KW && j <= col; j += SW) {
        let q = (col - j) / SW;
        if (q < WO) {
          sum = fma(load_weight((taps + i) * KW + j), load_dy((plane + p) * WO + q), sum);
        }
      }
    }
  }
  store_dx(at, sum);
}
