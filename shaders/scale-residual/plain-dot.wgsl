// parts[r, c] = the sum over one run of rows of mask[n] branch dy: what gamma's gradient adds up; one invocation a part, in order.
#param ROWS n·plane
#param COLS channels
#param PLANE positions of one map
#param RUN rows a part
#param MASK 1: a factor an image
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> dy: array<f32>; // (n, c, plane)
@group(0) @binding(1) var<storage, read> branch: array<f32>; // (n·plane, c)
#if MASK
@group(0) @binding(2) var<storage, read> mask: array<f32>; // (n)
#endif
@group(0) @binding(${MASK + 2}) var<storage, read_write> parts: array<f32>;

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
    var product = branch[row * ${COLS}u + channel] * dy[(image * ${COLS}u + channel) * ${PLANE}u + row % ${PLANE}u];
#if MASK
    product *= mask[image];
#endif
    sum += product;
  }
  parts[at] = sum;
}
