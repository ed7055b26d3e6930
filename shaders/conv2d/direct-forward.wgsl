// y[n, o, p, q] = bias[o] + Σ weight[o, c, i, j] x[n, g + c, p·SH + i − PH, q·SW + j − PW], one output per invocation.
// For grouped convolutions, which are no single matmul. Coordinates left of the map wrap to large unsigned numbers.
#import conv2d/shape.wgsl
#import common/flat.wgsl

#bind read x: array<f32> // (BATCH, CI, H, W)
#bind read weight: array<f32> // (CO, CG, KH, KW)
#bind read bias?: array<f32> // (CO)
#bind read_write y: array<f32> // (BATCH, CO, HO, WO)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= BATCH * CO * HO * WO) {
    return;
  }
  let q = at % WO;
  let p = (at / WO) % HO;
  let o = (at / (WO * HO)) % CO;
  let n = at / (WO * HO * CO);
  var sum = 0.0;
  for (var c = 0u; c < CG; c++) {
    let plane = (n * CI + (o / OG) * CG + c) * H;
    let taps = (o * CG + c) * KH;
    for (var i = 0u; i < KH; i++) {
      let row = p * SH + i - PH;
      if (row >= H) {
        continue;
      }
      for (var j = 0u; j < KW; j++) {
        let col = q * SW + j - PW;
        if (col < W) {
          sum = fma(load_weight((taps + i) * KW + j), load_x((plane + row) * W + col), sum);
        }
      }
    }
  }
#if bound(bias)
  store_y(at, sum + load_bias(o));
#else
  store_y(at, sum);
#endif
}
