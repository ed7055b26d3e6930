// y = Σ over a window / (KH·KW), one output per invocation. Coordinates left of the map wrap to large unsigned numbers.
#param N: int // elements of y
#import pool/shape.wgsl
#import common/flat.wgsl

#bind read x: array<f32> // (n, c, H, W)
#bind read_write y: array<f32> // (n, c, HO, WO)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  let plane = at / (WO * HO);
  var sum = 0.0;
  for (var i = 0u; i < KH; i++) {
    for (var j = 0u; j < KW; j++) {
      let row = ((at / WO) % HO) * SH + i - PH;
      let col = (at % WO) * SW + j - PW;
      if (row < H && col < W) {
        sum += load_x((plane * H + row) * W + col);
      }
    }
  }
  store_y(at, sum / ${KH * KW}.0);
}
