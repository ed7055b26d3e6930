// y = x + mask[n] gamma[c] branch, all (n, c, plane); one element per invocation.
#param N: int // elements
#param COLS: int // channels
#param PLANE: int // positions of one map
#import common/flat.wgsl

#bind read x: array<f32> // (n, c, plane)
#bind read branch: array<f32> // (n, c, plane)
#bind read gamma?: array<f32> // (c)
#bind read mask?: array<f32> // (n)
#bind read_write y: array<f32> // (n, c, plane)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    var value = load_branch(i);
#if bound(gamma)
    value *= load_gamma(i / ${PLANE}u % ${COLS}u);
#endif
#if bound(mask)
    value *= load_mask(i / ${PLANE * COLS}u);
#endif
    store_y(i, load_x(i) + value);
  }
}
