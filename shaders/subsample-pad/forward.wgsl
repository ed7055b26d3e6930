// y[n, c, p, q] = x[n, c − BEFORE, 2p, 2q], 0 in the added channels; one element per invocation.
#param N: int // elements of y
#import subsample-pad/shape.wgsl
#import common/flat.wgsl

#bind read x: array<f32> // (n, C, H, W)
#bind read_write y: array<f32> // (n, CHANNELS, HO, WO)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  let q = at % WO;
  let p = (at / WO) % HO;
  let n = at / (WO * HO * CHANNELS);
  // Channels below BEFORE wrap to large unsigned numbers.
  let c = (at / (WO * HO)) % CHANNELS - BEFORE;
  var value = 0.0;
  if (c < C) {
    value = load_x(((n * C + c) * H + 2u * p) * W + 2u * q);
  }
  store_y(at, value);
}
