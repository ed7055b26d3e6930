// parts[r, c] = Σ mask[n] branch dy over one run of rows, for the gradient of gamma; one invocation per part, in order.
#param ROWS: int // n·plane
#param COLS: int // channels
#param PLANE: int // positions of one map
#param RUN: int // rows per part
#import common/flat.wgsl

#bind read dy: array<f32> // (n, c, plane)
#bind read branch: array<f32> // (n·plane, c)
#bind read mask?: array<f32> // (n)
#bind read_write parts: array<f32> // (ceil(ROWS/RUN), c)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${ceildiv(ROWS, RUN) * COLS}u) {
    return;
  }
  let channel = at % ${COLS}u;
  let first = at / ${COLS}u * ${RUN}u;
  var sum = 0.0;
  for (var row = first; row < min(first + ${RUN}u, ${ROWS}u); row++) {
    let image = row / ${PLANE}u;
    var product = load_branch(row * ${COLS}u + channel) * load_dy((image * ${COLS}u + channel) * ${PLANE}u + row % ${PLANE}u);
#if bound(mask)
    product *= load_mask(image);
#endif
    sum += product;
  }
  store_parts(at, sum);
}
