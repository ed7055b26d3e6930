// y = x, each with its own storage type; one element per invocation.
#param N: int // elements
#import common/flat.wgsl

#bind read x: array<f32> // (N)
#bind read_write y: array<f32> // (N)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    store_y(i, load_x(i));
  }
}
