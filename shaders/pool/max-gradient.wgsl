// dx = Σ of dy over the windows whose first maximum stands here, one element per invocation.
#param N: int // elements of dx
#import pool/window.wgsl
#import common/flat.wgsl

#bind read x: array<f32> // (n, c, H, W)
#bind read dy: array<f32> // (n, c, HO, WO)
#bind read_write dx: array<f32> // (n, c, H, W)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  let plane = at / (W * H);
  let rows = windows((at / W) % H + PH, KH, SH, HO);
  let cols = windows(at % W + PW, KW, SW, WO);
  var sum = 0.0;
  for (var p = rows.x; p < rows.y; p++) {
    for (var q = cols.x; q < cols.y; q++) {
      if (window_maximum(plane, p, q).at == at) {
        sum += load_dy((plane * HO + p) * WO + q);
      }
    }
  }
  store_dx(at, sum);
}
