// dpatches[i, t − 1] = dy[i, t], dpositions[t] = Σ_i dy[i, t], dcls = dpositions[0]. An invocation takes one channel of one token through all
// images in their order, so that dy is read once.
#param N: int // elements of dpositions
#param IMAGES: int // images
#param TOKENS: int // tokens of an image
#param COLS: int // channels
#import common/flat.wgsl

#bind read dy: array<f32> // (IMAGES, TOKENS, COLS)
#bind read_write dpatches: array<f32> // (IMAGES, TOKENS − 1, COLS)
#bind read_write dcls: array<f32> // (COLS)
#bind read_write dpositions: array<f32> // (TOKENS, COLS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  var sum = 0.0;
  for (var image = 0u; image < ${IMAGES}u; image++) {
    let value = load_dy(image * ${TOKENS * COLS}u + at);
    sum += value;
    if (at >= ${COLS}u) {
      store_dpatches(image * ${(TOKENS - 1) * COLS}u + at - ${COLS}u, value);
    }
  }
  accumulate_dpositions(at, sum);
  if (at < ${COLS}u) {
    accumulate_dcls(at, sum);
  }
}
