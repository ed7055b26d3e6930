// Dense convolution as an implicit matmul: rows are output channels, columns the pixels of y in order of (n, p, q), the inner
// dimension the taps in order of (c, i, j), as weight lies in memory. x is read where the taps fall, without a copy.
#import conv2d/shape.wgsl
#import conv2d/tile.wgsl

#bind read x: array<f32> // (BATCH, CI, H, W)
#bind read weight: array<f32> // (CO, CG, KH, KW)
#bind read bias?: array<f32> // (CO)
#bind read_write y: array<f32> // (BATCH, CO, HO, WO)

const K = CI * KH * KW;
const PIXELS = BATCH * HO * WO;
const TILES_M = ${(CO + ROWS * LANES_M - 1) / (ROWS * LANES_M)}u;
const TILES_N = (PIXELS + TILE_N - 1u) / TILE_N;
// Far outside of every map, also when added: for pixels and taps past the end.
const OUTSIDE = 0x80000000u;
const OUTSIDE_TAP = 0x40000000u;

@compute @workgroup_size(${LANES_M * LANES_N})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = group.x + group.y * groups.x;
  if (tile >= TILES_M * TILES_N) {
    return;
  }
  let first_row = (tile % TILES_M) * TILE_M;
  let first_pixel = (tile / TILES_M) * TILE_N;
#import conv2d/tile-sums.wgsl
  let pixel = first_pixel + lane_n * 4u;
#for j in 0..4
  let n${j} = (pixel + ${j}u) / (HO * WO);
  let top${j} = select(((pixel + ${j}u) / WO % HO) * SH - PH, OUTSIDE, pixel + ${j}u >= PIXELS);
  let left${j} = ((pixel + ${j}u) % WO) * SW - PW;
#endfor
  for (var k0 = 0u; k0 < K; k0 += ${DEPTH}u) {
#for pass in 0..DEPTH / LANES_M
    var fill${pass} = vec4f(0.0);
    {
      let slice = lane_m + ${pass * LANES_M}u;
      let k = k0 + slice;
      let c = k / (KH * KW);
      let i = select(k / KW % KH, OUTSIDE_TAP, k >= K);
      let j = k % KW;
#for j in 0..4
      let x${j} = load_x(((n${j} * CI + c) * H + top${j} + i) * W + left${j} + j);
      fill${pass}[${j}] = select(0.0, x${j}, (top${j} + i < H) & (left${j} + j < W));
#endfor
#if LANES_M > 1
      b_tile[slice * ${LANES_N}u + lane_n] = fill${pass};
#endif
    }
#endfor
    for (var quad = local; quad < A_QUADS; quad += LANES) {
      let k = k0 + quad % ${DEPTH}u;
      let row = first_row + quad / ${DEPTH}u * 4u;
      var values = vec4f(0.0);
#for j in 0..4
      values[${j}] = select(0.0, load_weight((row + ${j}u) * K + k), (k < K) & (row + ${j}u < CO));
#endfor
      a_tile[(quad % ${DEPTH}u) * (TILE_M / 4u) + quad / ${DEPTH}u] = values;
    }
#import conv2d/tile-gemm.wgsl
  }
  for (var r = 0u; r < ${ROWS}u; r++) {
#import conv2d/tile-result.wgsl
    let o = first_row + lane_m * ${ROWS}u + r;
    if (o < CO) {
#if bound(bias)
      result += load_bias(o);
#endif
#for j in 0..4
      if (pixel + ${j}u < PIXELS) {
        store_y((n${j} * CO + o) * HO * WO + (pixel + ${j}u) % (HO * WO), result[${j}]);
      }
#endfor
    }
  }
}
