// dx[n, c, row, col] = dy[n, c + BEFORE, row/2, col/2] on even rows and columns, else 0; one element per invocation.
#param N: int // elements of dx
#import subsample-pad/shape.wgsl
#import common/flat.wgsl

#bind read dy: array<f32> // (n, CHANNELS, HO, WO)
#bind read_write dx: array<f32> // (n, C, H, W)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  let col = at % W;
  let row = (at / W) % H;
  let c = (at / (W * H)) % C;
  let n = at / (W * H * C);
  var value = 0.0;
  if (row % 2u == 0u && col % 2u == 0u) {
    value = load_dy(((n * CHANNELS + c + BEFORE) * HO + row / 2u) * WO + col / 2u);
  }
  store_dx(at, value);
}
