// dx[i, 0] = dy[i], dx[i, t] = 0 for the other tokens; one element per invocation.
#param N: int // elements of dx
#param TOKENS: int // tokens of an image
#param COLS: int // channels
#import common/flat.wgsl

#bind read dy: array<f32> // (n, COLS)
#bind read_write dx: array<f32> // (n, TOKENS, COLS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  let within = at % ${TOKENS * COLS}u;
  var value = 0.0;
  if (within < ${COLS}u) {
    value = load_dy(at / ${TOKENS * COLS}u * ${COLS}u + within);
  }
  store_dx(at, value);
}
