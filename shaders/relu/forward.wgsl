// y = max(x, 0), one element per invocation. A NaN stays one, as in PyTorch.
#param N: int // elements
#import common/flat.wgsl

#bind read x: array<f32> // (N)
#bind read_write y: array<f32> // (N)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    store_y(i, select(load_x(i), 0.0, load_x(i) < 0.0));
  }
}
