// dx = dy where y > 0, else 0; one element per invocation.
#param N: int // elements
#import common/flat.wgsl

#bind read y: array<f32> // (N)
#bind read dy: array<f32> // (N)
#bind read_write dx: array<f32> // (N)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    store_dx(i, select(0.0, load_dy(i), load_y(i) > 0.0));
  }
}
