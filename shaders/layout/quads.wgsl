// Change of layout as in tiles.wgsl, where plane and c are multiples of four: a lane transposes blocks of 4 positions by 4 channels in
// registers and reads and writes vec4 on both sides, without tiles in workgroup memory. 8×8 lanes take 32 rows by 32 channels at
// a time, so that both sides are accessed in runs of 128 bytes, and a workgroup does so RUN times.
#param ROWS: int // n·plane
#param COLS: int // channels
#param PLANE: int // positions of one map
#param TO_ROWS: bool // from maps to rows, 0: from rows to maps
#param RUN: int // tiles of rows per workgroup
#import layout/bindings.wgsl

#type Item = vec4f
#bind read branch?: array<vec4f> // (n·plane, c)
#if bound(branch)
#bind read_write parts: array<vec4f> // partial sums of dgamma (parts, c)

var<workgroup> dots: array<vec4f, 64>;
#endif

const ROW_TILES = ${ceildiv(ROWS, 32)}u;
const COL_TILES = ${ceildiv(COLS, 32)}u;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let index = group.x + group.y * groups.x;
  let part = index / COL_TILES;
  let channel = index % COL_TILES * 32u + local.x * 4u;
#if bound(gamma)
  let scale = load_gamma(min(channel, ${COLS - 4}u) / 4u);
#else
  let scale = vec4f(1.0);
#endif
#if bound(branch)
  var dot_sum = vec4f();
#endif
  for (var row_tile = part * ${RUN}u; row_tile < min((part + 1u) * ${RUN}u, ROW_TILES); row_tile++) {
    let row = row_tile * 32u + local.y * 4u;
    if (row < ${ROWS}u && channel < ${COLS}u) {
#if bound(mask)
      let kept = load_mask(row / ${PLANE}u);
#else
      let kept = 1.0;
#endif
      let in_map = ((row / ${PLANE}u * ${COLS}u + channel) * ${PLANE}u + row % ${PLANE}u) / 4u;
      let in_rows = (row * ${COLS}u + channel) / 4u;
#for j in 0..4
#if TO_ROWS
      let v${j} = load_source(in_map + ${j * PLANE / 4}u) * kept;
#else
      let v${j} = load_source(in_rows + ${j * COLS / 4}u) * (kept * scale);
#endif
#endfor
#for i in 0..4
#if TO_ROWS
      let u${i} = vec4f(v0[${i}], v1[${i}], v2[${i}], v3[${i}]);
      store_out(in_rows + ${i * COLS / 4}u, u${i} * scale);
#if bound(branch)
      dot_sum = fma(u${i}, load_branch(in_rows + ${i * COLS / 4}u), dot_sum);
#endif
#elif bound(addend)
      store_out(in_map + ${i * PLANE / 4}u, load_addend(in_map + ${i * PLANE / 4}u) + vec4f(v0[${i}], v1[${i}], v2[${i}], v3[${i}]));
#else
      store_out(in_map + ${i * PLANE / 4}u, vec4f(v0[${i}], v1[${i}], v2[${i}], v3[${i}]));
#endif
#endfor
    }
  }
#if bound(branch)
  dots[local.y * 8u + local.x] = dot_sum;
  workgroupBarrier();
  if (local.y == 0u && channel < ${COLS}u && part * ${RUN}u < ROW_TILES) {
    for (var i = 1u; i < 8u; i++) {
      dot_sum += dots[i * 8u + local.x];
    }
    store_parts((part * ${COLS}u + channel) / 4u, dot_sum);
  }
#endif
}
