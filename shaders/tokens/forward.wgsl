// y[i, 0] = cls + positions[0], y[i, t] = patches[i, t − 1] + positions[t]; one element per invocation.
#param N: int // elements of y
#param TOKENS: int // tokens of an image
#param COLS: int // channels
#import common/flat.wgsl

#bind read patches: array<f32> // (n, TOKENS − 1, COLS)
#bind read cls: array<f32> // (COLS)
#bind read positions: array<f32> // (TOKENS, COLS)
#bind read_write y: array<f32> // (n, TOKENS, COLS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  let image = at / ${TOKENS * COLS}u;
  let within = at % ${TOKENS * COLS}u;
  var value = 0.0;
  if (within < ${COLS}u) {
    value = load_cls(within);
  } else {
    value = load_patches(at - (image + 1u) * ${COLS}u);
  }
  store_y(at, value + load_positions(within));
}
