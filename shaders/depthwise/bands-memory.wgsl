// Workgroup memory of depthwise/bands.wgsl, and how it is filled: maps, rows of taps, bands.

// Maps, with ROWS − 1 rows of zeros above and below.
const ROWS = ${16 / IMAGES}u;
const X_ROWS = ${IN_H + 2 * (16 / IMAGES - 1)}u;
const stride_x = ${16 * BLOCKS_X + 8}u;
var<workgroup> tile_a: array<f16, ${(IN_H + 2 * (16 / IMAGES - 1)) * IMAGES * (16 * BLOCKS_X + 8)}>; // [row][image][column]

// Bands, column by column: those that are multiplied by, and those that are built.
const stride_b = ${16 * BLOCKS_B + 8}u;
const BAND = 16u * stride_b;
var<workgroup> tile_b: array<f16, ${2 * BANDS * 16 * (16 * BLOCKS_B + 8)}>;

// Rows of taps between zeros: element q holds tap q + TAP_FIRST.
const TAPS = ${16 * BLOCKS_B + 16}u;
var<workgroup> all_taps: array<f16, ${(PHASES + 1) * BANDS * (16 * BLOCKS_B + 16)}>;

fn load_all_taps(c: u32, local: u32) {
  for (var i = local; i < ${(PHASES + 1) * BANDS}u * TAPS; i += LANES) {
    let ky = i32(i / TAPS);
    let kx = i32(i % TAPS) + ${TAP_FIRST};
    let inside = ky < ${TAP_H} && kx >= 0 && kx < ${TAP_W};
#if MODE == forward
    let at = (i32(c) * ${KERNEL_H} + ${(KERNEL_H - TAP_H) / 2} + ky) * ${KERNEL_W} + ${(KERNEL_W - TAP_W) / 2} + kx;
#else
    let at = (i32(c + 1u) * ${KERNEL_H} - ${(KERNEL_H - TAP_H) / 2} - ky) * ${KERNEL_W} - ${(KERNEL_W - TAP_W) / 2 + 1} - kx;
#endif
    all_taps[i] = select(0.0h, narrow_taps(u32(select(0, at, inside))), inside);
  }
}

// Four loads of a lane are in flight at once.
fn load_maps(first_image: u32, c: u32, local: u32) {
  const ITEMS = ${16 * BLOCKS_X / WIDTH}u;
  const COUNT = ${IMAGES}u * X_ROWS * ITEMS;
  for (var start = local; start < COUNT; start += 4u * LANES) {
#for t in 0..4
    let i${t} = min(start + ${t}u * LANES, COUNT - 1u);
    let item${t} = i${t} % ITEMS;
    let row${t} = i${t} / ITEMS % X_ROWS;
    let image${t} = i${t} / (ITEMS * X_ROWS);
    let iy${t} = i32(row${t}) - ${16 / IMAGES - 1};
    let ix${t} = i32(item${t}) - ${MARGIN / WIDTH};
    let inside${t} = (iy${t} >= 0) & (iy${t} < ${IN_H}) & (ix${t} >= 0) & (ix${t} < ${IN_W / WIDTH}) & (first_image + image${t} < ${N}u);
    let at${t} = (i32((first_image + image${t}) * ${CHANNELS}u + c) * ${IN_H} + iy${t}) * ${IN_W / WIDTH} + ix${t};
    let value${t} = narrow_x(u32(select(0, at${t}, inside${t})));
#endfor
#for t in 0..4
    let to${t} = (row${t} * ${IMAGES}u + image${t}) * stride_x + item${t} * ${WIDTH}u;
#if WIDTH == 1
    tile_a[to${t}] = select(0.0h, value${t}, inside${t});
#else
#for e in 0..WIDTH
    tile_a[to${t} + ${e}u] = select(0.0h, value${t}[${e}], inside${t});
#endfor
#endif
#endfor
  }
}

// Four elements of one column of a band.
struct Quad {
  band: u32,
  column: u32,
  first: u32,
}

// A lane's share of BANDS bands. Where their number is no multiple of the lanes, some lanes do what another does too.
fn quad_of(share: u32) -> Quad {
  let i = min(share, ${64 * BANDS * BLOCKS_B - 1}u);
  return Quad(i / ${64 * BLOCKS_B}u, i / ${4 * BLOCKS_B}u % 16u, i % ${4 * BLOCKS_B}u * 4u);
}

fn taps_of(quad: Quad, first: u32) -> vec4h {
  let at = (first + quad.band) * TAPS + quad.first + 15u - quad.column;
  return vec4h(all_taps[at], all_taps[at + 1u], all_taps[at + 2u], all_taps[at + 3u]);
}

fn put(quad: Quad, first: u32, value: vec4h) {
  let at = (first + quad.band) * BAND + quad.column * stride_b + quad.first;
#for e in 0..4
  tile_b[at + ${e}u] = value[${e}];
#endfor
}
