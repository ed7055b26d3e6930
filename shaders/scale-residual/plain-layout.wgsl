// Change of layout between maps (n, c, plane) and rows (n·plane, c), one element an invocation in the order of the result:
//   to maps: out = addend + mask[n] gamma[c] source     to rows: out = mask[n] gamma[c] source
#param ROWS n·plane
#param COLS channels
#param PLANE positions of one map
#param TO_ROWS 1: from maps to rows, 0: from rows to maps
#param ADD 1: an addend in map layout
#param GAMMA 1: a factor a channel
#param MASK 1: a factor an image
#import common/flat.wgsl

#if ADD
@group(0) @binding(0) var<storage, read> addend: array<f32>; // (n, c, plane)
#endif
@group(0) @binding(${ADD}) var<storage, read> source: array<f32>;
#if GAMMA
@group(0) @binding(${ADD + 1}) var<storage, read> gamma: array<f32>; // (c)
#endif
#if MASK
@group(0) @binding(${ADD + GAMMA + 1}) var<storage, read> mask: array<f32>; // (n)
#endif
@group(0) @binding(${ADD + GAMMA + MASK + 1}) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${ROWS * COLS}u) {
    return;
  }
#if TO_ROWS
  let row = at / ${COLS}u;
  let channel = at % ${COLS}u;
  let from_at = (row / ${PLANE}u * ${COLS}u + channel) * ${PLANE}u + row % ${PLANE}u;
#else
  let channel = at / ${PLANE}u % ${COLS}u;
  let row = at / ${PLANE * COLS}u * ${PLANE}u + at % ${PLANE}u;
  let from_at = row * ${COLS}u + channel;
#endif
  var value = source[from_at];
#if GAMMA
  value *= gamma[channel];
#endif
#if MASK
  value *= mask[row / ${PLANE}u];
#endif
#if ADD
  value += addend[at];
#endif
  out[at] = value;
}
