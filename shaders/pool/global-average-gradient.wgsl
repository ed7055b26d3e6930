// dx = dy of the plane · FACTOR, one element per invocation.
#param N: int // elements of dx
#param AREA: int // elements of a plane
#param FACTOR: f32 // 1/AREA
#import common/flat.wgsl

#bind read dy: array<f32> // (N / AREA)
#bind read_write dx: array<f32> // (N)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    store_dx(i, load_dy(i / ${AREA}u) * ${FACTOR});
  }
}
