// y[i] = x[i, 0]; one element per invocation.
#param N: int // elements of y
#param TOKENS: int // tokens of an image
#param COLS: int // channels
#import common/flat.wgsl

#bind read x: array<f32> // (n, TOKENS, COLS)
#bind read_write y: array<f32> // (n, COLS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at < ${N}u) {
    store_y(at, load_x(at / ${COLS}u * ${TOKENS * COLS}u + at % ${COLS}u));
  }
}
