// Weight gradient of a dense convolution as an implicit matmul: rows are output channels, columns the taps in order of (c, i, j),
// the inner dimension the pixels of y, split into PARTS that a second stage adds up in order. With `dbias` a last column of ones
// makes dbias.
#param PARTS: int // parts of the depth
#param PART_PIXELS: int // pixels of a part, a multiple of DEPTH
#import conv2d/shape.wgsl
#import conv2d/tile.wgsl

#bind read x: array<f32> // (BATCH, CI, H, W)
#bind read dy: array<f32> // (BATCH, CO, HO, WO)
#bind read_write dweight: array<f32> // (PARTS, CO, K)
#bind read_write dbias?: array<f32> // (PARTS, CO)

const K = CI * KH * KW;
const COLUMNS = K + ${bound(dbias)}u;
const PIXELS = BATCH * HO * WO;
const TILES_M = ${(CO + ROWS * LANES_M - 1) / (ROWS * LANES_M)}u;
const TILES_N = (COLUMNS + TILE_N - 1u) / TILE_N;

@compute @workgroup_size(${LANES_M * LANES_N})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = group.x + group.y * groups.x;
  if (tile >= TILES_M * TILES_N * ${PARTS}u) {
    return;
  }
  let first_row = (tile % TILES_M) * TILE_M;
  let first_column = (tile / TILES_M) % TILES_N * TILE_N;
  let part = tile / (TILES_M * TILES_N);
  let end = min((part + 1u) * ${PART_PIXELS}u, PIXELS);
#import conv2d/tile-sums.wgsl
  // Where the columns that this invocation fills read x. Neighbouring invocations take neighbouring pixels, as x lies in
  // memory; alone on its columns (LANES_M = 1), an invocation takes every pixel itself.
#for pass in 0..(LANES_M > 1 ? DEPTH / LANES_M : 1)
#if LANES_M > 1
  let quad${pass} = local / ${DEPTH}u + ${pass * (LANES_M * LANES_N / DEPTH)}u;
#else
  let quad${pass} = lane_n;
#endif
#for j in 0..4
  let column${pass}_${j} = first_column + quad${pass} * 4u + ${j}u;
  let plane${pass}_${j} = column${pass}_${j} / (KH * KW) * (H * W);
  let top${pass}_${j} = column${pass}_${j} / KW % KH;
  let left${pass}_${j} = column${pass}_${j} % KW;
#endfor
#endfor
  for (var k0 = part * ${PART_PIXELS}u; k0 < end; k0 += ${DEPTH}u) {
#for pass in 0..DEPTH / LANES_M
    var fill${pass} = vec4f(0.0);
    {
#if LANES_M > 1
      let slice = local % ${DEPTH}u;
#else
      let slice = ${pass}u;
#endif
      let pixel = k0 + slice;
      let image = pixel / (HO * WO) * (CI * H * W);
      let top = (pixel / WO % HO) * SH - PH;
      let left = (pixel % WO) * SW - PW;
#for j in 0..4
      let row${j} = top + top${LANES_M > 1 ? pass : 0}_${j};
      let col${j} = left + left${LANES_M > 1 ? pass : 0}_${j};
      let inside${j} = (column${LANES_M > 1 ? pass : 0}_${j} < K) & (row${j} < H) & (col${j} < W);
      let x${j} = select(0.0, load_x(image + plane${LANES_M > 1 ? pass : 0}_${j} + row${j} * W + col${j}), inside${j});
#if bound(dbias)
      fill${pass}[${j}] = select(0.0, select(x${j}, 1.0, column${LANES_M > 1 ? pass : 0}_${j} == K), pixel < end);
#else
      fill${pass}[${j}] = select(0.0, x${j}, pixel < end);
#endif
#endfor
#if LANES_M > 1
      b_tile[slice * ${LANES_N}u + quad${pass}] = fill${pass};
#endif
    }
#endfor
    for (var quad = local; quad < A_QUADS; quad += LANES) {
      let pixel = k0 + quad % ${DEPTH}u;
      let row = first_row + quad / ${DEPTH}u * 4u;
      let at = pixel / (HO * WO) * (CO * HO * WO) + pixel % (HO * WO);
      var values = vec4f(0.0);
#for j in 0..4
      values[${j}] = select(0.0, load_dy(at + (row + ${j}u) * (HO * WO)), (pixel < end) & (row + ${j}u < CO));
#endfor
      a_tile[(quad % ${DEPTH}u) * (TILE_M / 4u) + quad / ${DEPTH}u] = values;
    }
#import conv2d/tile-gemm.wgsl
  }
  for (var r = 0u; r < ${ROWS}u; r++) {
#import conv2d/tile-result.wgsl
    let o = first_row + lane_m * ${ROWS}u + r;
#for j in 0..4
    {
      let column = first_column + lane_n * 4u + ${j}u;
      if ((o < CO) & (column < K)) {
        store_dweight((part * CO + o) * K + column, result[${j}]);
      }
#if bound(dbias)
      if ((o < CO) & (column == K)) {
        store_dbias(part * CO + o, result[${j}]);
      }
#endif
    }
#endfor
  }
}
