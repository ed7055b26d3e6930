// Change of layout between maps (n, c, plane) and rows (n·plane, c), with the scaling of a residual branch on the way:
//   to maps: out = addend + mask[n] gamma[c] source     to rows: out = mask[n] gamma[c] source, dgamma[c] = Σ mask[n] branch source
// A workgroup moves tiles of 32 rows by 32 channels through workgroup memory (4.2 KB), so that both sides coalesce; rows are
// counted through all images, so that small planes fill tiles too. It walks RUN tiles of the same channels.
#param ROWS: int // n·plane
#param COLS: int // channels
#param PLANE: int // positions of one map
#param TO_ROWS: bool // from maps to rows, 0: from rows to maps
#param RUN: int // tiles of rows per workgroup
#import layout/bindings.wgsl
#import layout/factor.wgsl

#type Item = f32
#bind read branch?: array<f32> // (n·plane, c)
#if bound(branch)
#bind read_write parts: array<f32> // partial sums of dgamma (parts, c)

var<workgroup> dots: array<f32, 256>;
#endif

const ROW_TILES = ${ceildiv(ROWS, 32)}u;
const COL_TILES = ${ceildiv(COLS, 32)}u;

// [channel][row]; 33 wide, so that a column does not fall into one bank.
var<workgroup> tile: array<f32, 1056>;

fn map_index(row: u32, channel: u32) -> u32 {
  return (row / ${PLANE}u * ${COLS}u + channel) * ${PLANE}u + row % ${PLANE}u;
}

@compute @workgroup_size(32, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let index = group.x + group.y * groups.x;
  let part = index / COL_TILES;
  let channel0 = index % COL_TILES * 32u;
#if bound(branch)
  var dot = 0.0;
#endif
  for (var row_tile = part * ${RUN}u; row_tile < min((part + 1u) * ${RUN}u, ROW_TILES); row_tile++) {
    let row0 = row_tile * 32u;
#for i in 0..4
    {
      // Lanes run along the source's inner dimension.
#if TO_ROWS
      let row = row0 + local.x;
      let channel = channel0 + local.y + ${i * 8}u;
      if (row < ${ROWS}u && channel < ${COLS}u) {
        tile[(local.y + ${i * 8}u) * 33u + local.x] = load_source(map_index(row, channel));
      }
#else
      let row = row0 + local.y + ${i * 8}u;
      let channel = channel0 + local.x;
      if (row < ${ROWS}u && channel < ${COLS}u) {
        tile[local.x * 33u + local.y + ${i * 8}u] = load_source(row * ${COLS}u + channel);
      }
#endif
    }
#endfor
    workgroupBarrier();
#for i in 0..4
    {
#if TO_ROWS
      let row = row0 + local.y + ${i * 8}u;
      let channel = channel0 + local.x;
      if (row < ${ROWS}u && channel < ${COLS}u) {
        let value = tile[local.x * 33u + local.y + ${i * 8}u];
        let at = row * ${COLS}u + channel;
        store_out(at, factor(row / ${PLANE}u, channel) * value);
#if bound(branch) && bound(mask)
        dot = fma(load_mask(row / ${PLANE}u) * value, load_branch(at), dot);
#elif bound(branch)
        dot = fma(value, load_branch(at), dot);
#endif
      }
#else
      let row = row0 + local.x;
      let channel = channel0 + local.y + ${i * 8}u;
      if (row < ${ROWS}u && channel < ${COLS}u) {
        let value = factor(row / ${PLANE}u, channel) * tile[(local.y + ${i * 8}u) * 33u + local.x];
        let at = map_index(row, channel);
#if bound(addend)
        store_out(at, load_addend(at) + value);
#else
        store_out(at, value);
#endif
      }
#endif
    }
#endfor
    workgroupBarrier();
  }
#if bound(branch)
  dots[local.y * 32u + local.x] = dot;
  workgroupBarrier();
  if (local.y == 0u && channel0 + local.x < ${COLS}u && part * ${RUN}u < ROW_TILES) {
    for (var i = 1u; i < 8u; i++) {
      dot += dots[i * 32u + local.x];
    }
    store_parts(part * ${COLS}u + channel0 + local.x, dot);
  }
#endif
}
