// Input gradient of a dense convolution as matmuls: rows are input channels, columns pixels of dx, the depth is output
// channels. With strides only every SH-th tap of a pixel meets an output, and which ones depends on (row mod SH, col mod SW):
// a workgroup keeps to one such phase, whose pixels (a, b) stand at row = fy + a·SH, col = fx + b·SW, and whose taps are
// i = ry + t·SH with ry = (fy + PH) mod SH; tap t of pixel a meets row (fy + PH)/SH + a − t of dy.
#import conv2d/shape.wgsl
#import conv2d/tile.wgsl

#bind read dy: array<f32> // (BATCH, CO, HO, WO)
#bind read weight: array<f32> // (CO, CG, KH, KW)
#bind read_write dx: array<f32> // (BATCH, CI, H, W)

const HP = (H + SH - 1u) / SH;
const WP = (W + SW - 1u) / SW;
const PIXELS = BATCH * HP * WP;
// Slices of the output channels.
const SLICES = ${(CO + DEPTH - 1) / DEPTH}u;
const TILES_M = ${(CI + ROWS * LANES_M - 1) / (ROWS * LANES_M)}u;
const TILES_N = (PIXELS + TILE_N - 1u) / TILE_N;

@compute @workgroup_size(${LANES_M * LANES_N})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = group.x + group.y * groups.x;
  if (tile >= TILES_M * TILES_N * SH * SW) {
    return;
  }
  let first_row = (tile % TILES_M) * TILE_M;
  let fx = (tile / TILES_M) % SW;
  let fy = (tile / (TILES_M * SW)) % SH;
  let first_pixel = tile / (TILES_M * SW * SH) * TILE_N;
#import conv2d/tile-sums.wgsl
  let pixel = first_pixel + lane_n * 4u;
#for j in 0..4
  let n${j} = (pixel + ${j}u) / (HP * WP);
  let a${j} = (pixel + ${j}u) / WP % HP;
  let b${j} = (pixel + ${j}u) % WP;
#endfor
  // Taps and slices of the output channels in one loop: nested ones take a software adapter minutes to compile.
  let ry = (fy + PH) % SH;
  let rx = (fx + PW) % SW;
  let taps_y = (max(KH, ry) - ry + SH - 1u) / SH;
  let taps_x = (max(KW, rx) - rx + SW - 1u) / SW;
  for (var at = 0u; at < taps_y * taps_x * SLICES; at++) {
    let ty = at / SLICES / taps_x;
    let tx = at / SLICES % taps_x;
    let k0 = at % SLICES * ${DEPTH}u;
    // Rows and columns above and left of dy wrap to large unsigned numbers.
#for j in 0..4
    let p${j} = a${j} + (fy + PH) / SH - ty;
    let q${j} = b${j} + (fx + PW) / SW - tx;
    let meets${j} = (pixel + ${j}u < PIXELS) & (p${j} < HO) & (q${j} < WO);
    let base${j} = (n${j} * CO * HO + p${j}) * WO + q${j};
#endfor
#for pass in 0..DEPTH / LANES_M
    let slice${pass} = lane_m + ${pass * LANES_M}u;
    var fill${pass} = vec4f(0.0);
#for j in 0..4
    let dy${pass}_${j} = load_dy(base${j} + (k0 + slice${pass}) * (HO * WO));
    fill${pass}[${j}] = select(0.0, dy${pass}_${j}, meets${j} & (k0 + slice${pass} < CO));
#endfor
#if LANES_M > 1
    b_tile[slice${pass} * ${LANES_N}u + lane_n] = fill${pass};
#endif
#endfor
    for (var quad = local; quad < A_QUADS; quad += LANES) {
      let o = k0 + quad / (TILE_M / 4u);
      let c = first_row + quad % (TILE_M / 4u) * 4u;
      let tap = (ry + ty * SH) * KW + rx + tx * SW;
      var values = vec4f(0.0);
#for j in 0..4
      let weight${j} = load_weight((o * CI + c + ${j}u) * (KH * KW) + tap);
      values[${j}] = select(0.0, weight${j}, (o < CO) & (c + ${j}u < CI));
#endfor
      a_tile[quad] = values;
    }
#import conv2d/tile-gemm.wgsl
  }
  for (var r = 0u; r < ${ROWS}u; r++) {
#import conv2d/tile-result.wgsl
    let c = first_row + lane_m * ${ROWS}u + r;
#for j in 0..4
    {
      let row = fy + a${j} * SH;
      let col = fx + b${j} * SW;
      if ((c < CI) & (pixel + ${j}u < PIXELS) & (row < H) & (col < W)) {
        store_dx(((n${j} * CI + c) * H + row) * W + col, result[${j}]);
      }
    }
#endfor
  }
}
