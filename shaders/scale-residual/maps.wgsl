// y = x + mask[n] gamma[c] branch, all (n, c, plane); one element an invocation.
#param N elements
#param COLS channels
#param PLANE positions of one map
#param GAMMA 1: a factor a channel
#param MASK 1: a factor an image
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> branch: array<f32>;
#if GAMMA
@group(0) @binding(2) var<storage, read> gamma: array<f32>; // (c)
#endif
#if MASK
@group(0) @binding(${GAMMA + 2}) var<storage, read> mask: array<f32>; // (n)
#endif
@group(0) @binding(${GAMMA + MASK + 2}) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    var value = branch[i];
#if GAMMA
    value *= gamma[i / ${PLANE}u % ${COLS}u];
#endif
#if MASK
    value *= mask[i / ${PLANE * COLS}u];
#endif
    y[i] = x[i] + value;
  }
}
