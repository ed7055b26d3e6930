// Change of layout between maps (n, c, plane) and rows (n·plane, c), one element per invocation in the order of the result:
//   to maps: out = addend + mask[n] gamma[c] source     to rows: out = mask[n] gamma[c] source
#param ROWS: int // n·plane
#param COLS: int // channels
#param PLANE: int // positions of one map
#param TO_ROWS: bool // from maps to rows, 0: from rows to maps
#import common/flat.wgsl
#import layout/bindings.wgsl

#type Item = f32

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
  var value = load_source(from_at);
#if bound(gamma)
  value *= load_gamma(channel);
#endif
#if bound(mask)
  value *= load_mask(row / ${PLANE}u);
#endif
#if bound(addend)
  value += load_addend(at);
#endif
  store_out(at, value);
}
