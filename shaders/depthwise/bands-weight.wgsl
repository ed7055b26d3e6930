// The gradient of a depthwise kernel on matrix units: for each row of taps, products Σ dy[ox, m] · x[m, ix] of columns of dy by columns
// of x, summed over m, rows of all images; dweight[kx] is then the sum of the diagonal ix − ox = kx − PAD_X.
//
// A workgroup owns one channel and BATCHES-th of the images, IMAGES at once. Their maps lie in workgroup memory as f16, column by column;
// m runs over rows and, within a row, over images, so that a matrix holds 16 / IMAGES rows of IMAGES maps, for any row of taps. A subgroup
// owns HELD rows of taps and holds the sums of their 2·REACH + 1 blocks of diagonals. Matrices that would meet padding alone are left out.
// Columns in workgroup memory are an odd number of 16 bytes apart, so that eight of them begin in different banks.
// Workgroup memory: see bytesOf in src/ops/depthwise/bands-weight.ts. Sums go to `parts`, for reduce.wgsl.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
#if SIZED
enable subgroup_size_control;
#endif
diagnostic(off, chromium.subgroup_matrix_uniformity);
#param SIZED: bool // the device has subgroups of several sizes, and this shader asks for 32 lanes
#param N: int // images
#param CHANNELS: int // channels
#param IN_H: int // rows of a plane
#param IN_W: int // columns of a plane
#param OUT_H: int // rows of taps that meet more than padding
#param OUT_W: int // columns of such taps
#param PAD_Y: int // row offset of tap 0
#param PAD_X: int // column offset of tap 0
#param DBIAS: bool // also the gradient of a bias
#param WIDTH: int // columns that are read at once; divides IN_W
#param IMAGES: int // images at once, 8 or 16
#param SERIAL: int // times that a workgroup takes so many
#param BATCHES: int // workgroups that share the images of a channel
#param SUBGROUPS: int // subgroups of a workgroup
#param HELD: int // rows of taps of a subgroup
#param BLOCKS: int // matrices in a row of a map
#param REACH: int // blocks of diagonals on either side

#type Item = WIDTH == 4 ? vec4f : WIDTH == 2 ? vec2f : f32

#bind read x: array<Item> // (N, CHANNELS, IN_H, IN_W)
#bind read dy: array<Item> // (N, CHANNELS, IN_H, IN_W)
#bind read_write parts: array<f32> // (BATCHES, CHANNELS, OUT_H · OUT_W + 1): taps, then the bias

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

const GROUPS = ${CHANNELS * BATCHES}u;
const LANES = ${32 * SUBGROUPS}u;
const PART = ${OUT_H * OUT_W + 1}u;
const ROWS = ${16 / IMAGES}u;
const TILES = ${ceildiv(IN_H, 16 / IMAGES)}u;

// dy, and x with ROWS − 1 rows of zeros above and below; [column][row][image].
const stride_a = ${16 * ceildiv(IN_H, 16 / IMAGES) + 8}u;
var<workgroup> tile_a: array<f16, ${16 * BLOCKS * (16 * ceildiv(IN_H, 16 / IMAGES) + 8)}>;
const X_ROWS = ${IN_H + 2 * (16 / IMAGES - 1)}u;
const stride_b = ${8 * (IMAGES / 8 * (IN_H + 2 * (16 / IMAGES - 1)) / 2 * 2 + 1)}u;
var<workgroup> tile_b: array<f16, ${16 * BLOCKS * 8 * (IMAGES / 8 * (IN_H + 2 * (16 / IMAGES - 1)) / 2 * 2 + 1)}>;

// Sixteen rows of sums for each subgroup.
const stride_sums = 24u;
var<workgroup> strip: array<f32, ${SUBGROUPS * 16 * 24}>;
#if DBIAS
var<workgroup> bias_sums: array<f32, ${32 * SUBGROUPS}>;
var<private> bias_sum = 0.0;
#endif

// Copies IMAGES maps; four loads of a lane are in flight at once.
#for o in dy, x
fn copy_${o}(first_image: u32, c: u32, local: u32) {
  const ITEMS = ${16 * BLOCKS / WIDTH}u;
#if o == x
  const LINES = X_ROWS;
#else
  const LINES = TILES * ROWS;
#endif
  const COUNT = ${IMAGES}u * LINES * ITEMS;
  for (var start = local; start < COUNT; start += 4u * LANES) {
#for t in 0..4
    let i${t} = min(start + ${t}u * LANES, COUNT - 1u);
    let item${t} = i${t} % ITEMS;
    let row${t} = i${t} / ITEMS % LINES;
    let image${t} = i${t} / (ITEMS * LINES);
#if o == x
    let iy${t} = i32(row${t}) - ${16 / IMAGES - 1};
#else
    let iy${t} = i32(row${t});
#endif
    let inside${t} = (iy${t} >= 0) & (iy${t} < ${IN_H}) & (item${t} < ${IN_W / WIDTH}u) & (first_image + image${t} < ${N}u);
    let at${t} = (i32((first_image + image${t}) * ${CHANNELS}u + c) * ${IN_H} + iy${t}) * ${IN_W / WIDTH} + i32(item${t});
    let value${t} = narrow_${o}(u32(select(0, at${t}, inside${t})));
#endfor
#for t in 0..4
#for e in 0..WIDTH
#if WIDTH == 1
    let element${t}_0 = select(0.0h, value${t}, inside${t});
#else
    let element${t}_${e} = select(0.0h, value${t}[${e}], inside${t});
#endif
#if o == x
    tile_b[(item${t} * ${WIDTH}u + ${e}u) * stride_b + row${t} * ${IMAGES}u + image${t}] = element${t}_${e};
#else
    tile_a[(item${t} * ${WIDTH}u + ${e}u) * stride_a + row${t} * ${IMAGES}u + image${t}] = element${t}_${e};
#if DBIAS
    bias_sum += select(0.0, f32(element${t}_${e}), start + ${t}u * LANES < COUNT);
#endif
#endif
#endfor
#endfor
  }
}

#endfor
@compute @workgroup_size(${32 * SUBGROUPS})
#if SIZED
@subgroup_size(32)
#endif
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup_id: u32,
) {
  let g = group.x + group.y * groups.x;
  if (g >= GROUPS) {
    return;
  }
  // The remainder changes nothing, but it tells Dawn the range, so that no index is clamped.
  let subgroup = subgroup_id % ${SUBGROUPS}u;
  let c = g % ${CHANNELS}u;
  let batch = g / ${CHANNELS}u;
#for r in 0..HELD
#for d in 0..2 * REACH + 1
  var sum${r}_${d} = Sums();
#endfor
#endfor
  for (var step = 0u; step < ${SERIAL}u; step++) {
    let first_image = (batch * ${SERIAL}u + step) * ${IMAGES}u;
    workgroupBarrier();
    copy_dy(first_image, c, local);
    copy_x(first_image, c, local);
    workgroupBarrier();
    for (var tile = 0u; tile < TILES; tile++) {
#for o in 0..BLOCKS
      let dy${o} = subgroupMatrixLoad<Left, row_major>(&tile_a, ${16 * o}u * stride_a + tile * 16u, stride_a);
#endfor
#for r in 0..HELD
      // The first row of x, counted from the zeros above the map.
      let row${r} = i32(tile * ROWS + subgroup + ${r * SUBGROUPS}u) - ${PAD_Y + 1 - 16 / IMAGES};
      if (row${r} >= 0 && row${r} < ${IN_H + 16 / IMAGES - 1}) {
        let at = u32(row${r}) % ${IN_H + 16 / IMAGES - 1}u * ${IMAGES}u;
#for q in 0..BLOCKS
        let x${q} = subgroupMatrixLoad<Right, col_major>(&tile_b, ${16 * q}u * stride_b + at, stride_b);
#for o in 0..BLOCKS
#if q - o + REACH >= 0 && q - o + REACH <= 2 * REACH
        sum${r}_${q - o + REACH} = subgroupMatrixMultiplyAccumulate(dy${o}, x${q}, sum${r}_${q - o + REACH});
#endif
#endfor
#endfor
      }
#endfor
    }
  }

  let own = subgroup * 16u * stride_sums;
  let lane = local % 32u;
  let first_part = (batch * ${CHANNELS}u + c) * PART;
#for r in 0..HELD
  {
    let ky = subgroup + ${r * SUBGROUPS}u;
#for e in 0..ceildiv(OUT_W, 32)
    var total${e} = 0.0;
#endfor
#for d in 0..2 * REACH + 1
    subgroupMatrixStore<row_major>(&strip, own, sum${r}_${d}, stride_sums);
    workgroupBarrier();
    for (var t = 0u; t < 16u; t++) {
#for e in 0..ceildiv(OUT_W, 32)
      let ix${e} = i32(lane + t) - ${PAD_X + 16 * (d - REACH) - 32 * e};
      total${e} += select(0.0, strip[own + t * stride_sums + u32(clamp(ix${e}, 0, 15))], ix${e} >= 0 && ix${e} < 16);
#endfor
    }
    workgroupBarrier();
#endfor
#for e in 0..ceildiv(OUT_W, 32)
    if (ky < ${OUT_H}u && lane < ${OUT_W - 32 * e}u) {
      store_parts(first_part + ky * ${OUT_W}u + lane + ${32 * e}u, total${e});
    }
#endfor
  }
#endfor
#if DBIAS
  bias_sums[local] = bias_sum;
  for (var width = LANES; width > 1u; width = (width + 1u) / 2u) {
    workgroupBarrier();
    let half = (width + 1u) / 2u;
    if (local + half < width) {
      bias_sums[local] += bias_sums[local + half];
    }
  }
  if (local == 0u) {
    store_parts(first_part + PART - 1u, bias_sums[0]);
  }
#endif
}
