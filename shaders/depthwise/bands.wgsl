// Depthwise correlation on matrix units: y, or with MODE input dx from dy and the kernel turned by 180°. Each row of taps is a banded
// Toeplitz matrix, B[i, j] = tap[i − j + const]: 16 columns of a row of y += BLOCKS_B·16 columns of a row of x · B.
//
// A workgroup owns one channel and IMAGES images. Their maps lie in workgroup memory as f16, row by row, the images of a row one after
// the other, so that the 16 rows of a left matrix are 16 / IMAGES rows of IMAGES maps, for any row of taps. A subgroup holds the sums
// of HELD such groups of rows, all columns. The workgroup goes through the rows of taps; while it multiplies by one band it builds
// the next, from taps that lie in workgroup memory between zeros. Matrices that would meet padding alone are left out.
// Rows in workgroup memory are an odd number of 16 bytes apart, so that eight of them begin in different banks.
// Workgroup memory: see bytesOf in src/ops/depthwise/bands.ts.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
#if SIZED
enable subgroup_size_control;
#endif
diagnostic(off, chromium.subgroup_matrix_uniformity);
#param SIZED: bool // the device has subgroups of several sizes, and this shader asks for 32 lanes
#param MODE: forward | input // what is computed
#param N: int // images
#param CHANNELS: int // channels
#param IN_H: int // rows of a plane
#param IN_W: int // columns of a plane
#param KERNEL_H: int // rows of the kernel
#param KERNEL_W: int // columns of the kernel
#param TAP_H: int // rows of taps that meet more than padding
#param TAP_W: int // columns of such taps
#param PAD_Y: int // row offset of tap 0
#param WIDTH: int // columns that are read and written at once; divides IN_W
#param IMAGES: int // images of a workgroup; divides 16
#param SUBGROUPS: int // subgroups of a workgroup
#param HELD: int // groups of 16 / IMAGES rows of a subgroup
#param BANDS: int // rows of taps between two barriers
#param PHASES: int // TAP_H / BANDS, rounded up
#param MARGIN: int // zero columns in front of a row of x
#param BLOCKS_X: int // matrices in a row of x
#param BLOCKS_Y: int // matrices in a row of y
#param BLOCKS_B: int // matrices in a band
#param FIRST: int // matrix of a band by which matrix 0 of x is multiplied for matrix 0 of y; one more for the next of x, one less for the next of y
#param TAP_FIRST: int // column of the tap that begins the last column of a band; negative where zeros do

#type Item = WIDTH == 4 ? vec4f : WIDTH == 2 ? vec2f : f32

#bind read x: array<Item> // (N, CHANNELS, IN_H, IN_W)
#bind read taps: array<f32> // (CHANNELS, KERNEL_H, KERNEL_W)
#if MODE == forward
#bind read bias?: array<f32> // (CHANNELS)
#else
#bind read addend?: array<Item> // (N, CHANNELS, IN_H, IN_W)
#endif
#bind read_write out: array<Item> // (N, CHANNELS, IN_H, IN_W)

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

const GROUPS = ${CHANNELS * ceildiv(N, IMAGES)}u;
const LANES = ${32 * SUBGROUPS}u;

// Sixteen rows of sums for each subgroup.
const stride_sums = 24u;
var<workgroup> strip: array<f32, ${SUBGROUPS * 16 * 24}>;

#import depthwise/bands-memory.wgsl

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
  let first_image = g / ${CHANNELS}u * ${IMAGES}u;
  let c = g % ${CHANNELS}u;
#for r in 0..HELD
#for o in 0..BLOCKS_Y
  var sum${r}_${o} = Sums();
#endfor
#endfor
#for t in 0..ceildiv(2 * BANDS * BLOCKS_B, SUBGROUPS)
  let quad${t} = quad_of(local + ${t}u * LANES);
#endfor
  load_maps(first_image, c, local);
  load_all_taps(c, local);
  workgroupBarrier();
#for t in 0..ceildiv(2 * BANDS * BLOCKS_B, SUBGROUPS)
  put(quad${t}, 0u, taps_of(quad${t}, 0u));
#endfor
  workgroupBarrier();
  for (var phase = 0u; phase < ${PHASES}u; phase++) {
#for t in 0..ceildiv(2 * BANDS * BLOCKS_B, SUBGROUPS)
    let next${t} = taps_of(quad${t}, (phase + 1u) * ${BANDS}u);
#endfor
#for p in 0..BANDS
    {
      let band = (phase % 2u * ${BANDS}u + ${p}u) * BAND;
#for b in 0..BLOCKS_B
      let band${b} = subgroupMatrixLoad<Right, col_major>(&tile_b, band + ${16 * b}u, stride_b);
#endfor
#for r in 0..HELD
      // The first row of x, counted from the zeros above the map.
      let row${r} = i32((subgroup + ${r * SUBGROUPS}u) * ROWS + phase * ${BANDS}u + ${p}u) - ${PAD_Y + 1 - 16 / IMAGES};
      if (row${r} >= 0 && row${r} < ${IN_H + 16 / IMAGES - 1}) {
        let at = u32(row${r}) % ${IN_H + 16 / IMAGES - 1}u * ${IMAGES}u * stride_x;
#for q in 0..BLOCKS_X
        let x${q} = subgroupMatrixLoad<Left, row_major>(&tile_a, at + ${16 * q}u, stride_x);
#for o in 0..BLOCKS_Y
#if q - o + FIRST >= 0 && q - o + FIRST < BLOCKS_B
        sum${r}_${o} = subgroupMatrixMultiplyAccumulate(x${q}, band${q - o + FIRST}, sum${r}_${o});
#endif
#endfor
#endfor
      }
#endfor
    }
#endfor
#for t in 0..ceildiv(2 * BANDS * BLOCKS_B, SUBGROUPS)
    put(quad${t}, (phase + 1u) % 2u * ${BANDS}u, next${t});
#endfor
    workgroupBarrier();
  }
#if MODE == forward && bound(bias)
  let shift = load_bias(c);
#endif
  let own = subgroup * 16u * stride_sums;
  let lane = local % 32u;
#for r in 0..HELD
#for o in 0..BLOCKS_Y
  subgroupMatrixStore<row_major>(&strip, own, sum${r}_${o}, stride_sums);
  workgroupBarrier();
  for (var t = 0u; t < ${8 / WIDTH}u; t++) {
    let item = lane + t * 32u;
    let line = item / ${16 / WIDTH}u;
    let column = item % ${16 / WIDTH}u * ${WIDTH}u;
    let source = own + line * stride_sums + column;
    let oy = (subgroup + ${r * SUBGROUPS}u) * ROWS + line / ${IMAGES}u;
    let image = first_image + line % ${IMAGES}u;
    if (oy < ${IN_H}u && ${16 * o}u + column < ${IN_W}u && image < ${N}u) {
      let at = ((image * ${CHANNELS}u + c) * ${IN_H}u + oy) * ${IN_W / WIDTH}u + (${16 * o}u + column) / ${WIDTH}u;
#if WIDTH == 4
      var y = vec4f(strip[source], strip[source + 1u], strip[source + 2u], strip[source + 3u]);
#elif WIDTH == 2
      var y = vec2f(strip[source], strip[source + 1u]);
#else
      var y = strip[source];
#endif
#if MODE == forward && bound(bias)
      y += shift;
#elif MODE == input && bound(addend)
      y += load_addend(at);
#endif
      store_out(at, y);
    }
  }
  workgroupBarrier();
#endfor
#endfor
}
