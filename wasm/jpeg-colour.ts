/** From planes of levels to (height, width, 3): libjpeg's fancy upsampling of chroma (jdsample.c) and its conversion of colours (jdcolor.c). */

/** One row of chroma at twice its width: 3/4 of the nearer level, 1/4 of the farther one. `sums` has `width` i16 and their neighbours. */
function upsampleRow(sums: usize, width: i32, to: usize, even: i32, odd: i32, shift: i32): void {
  const left = i16x8.splat(<i16>even);
  const right = i16x8.splat(<i16>odd);
  for (let x = 0; x < width; x += 8, sums += 16, to += 16) {
    const center = v128.load(sums);
    const thrice = i16x8.add(center, i16x8.add(center, center));
    const first = i16x8.shr_u(i16x8.add(i16x8.add(thrice, v128.load(sums - 2)), left), shift);
    const second = i16x8.shr_u(i16x8.add(i16x8.add(thrice, v128.load(sums + 2)), right), shift);
    v128.store(to, v128.or(first, i16x8.shl(second, 8)));
  }
}

/** Levels as `upsampleRow` wants them, with the first and last repeated; with `other`, three parts of `near` and one of that row. */
function sumRows(near: usize, other: usize, width: i32, sums: usize): void {
  for (let x = 0; x < width; x += 8) {
    let sum = v128.load8x8_u(near + x);
    if (other != 0) sum = i16x8.add(i16x8.add(sum, i16x8.shl(sum, 1)), v128.load8x8_u(other + x));
    v128.store(sums + ((<usize>x) << 1), sum);
  }
  store<i16>(sums - 2, load<i16>(sums));
  const end = sums + ((<usize>width) << 1);
  store<i16>(end, load<i16>(end - 2));
}

/** One row of `width` levels of a plane's chroma at the image's width; returns where it is. */
function chromaRow(
  plane: usize,
  stride: usize,
  width: i32,
  height: i32,
  y: i32,
  across: i32,
  down: i32,
  sums: usize,
  to: usize,
): usize {
  if (across == 1) return plane + <usize>y * stride;
  if (down == 1) {
    sumRows(plane + <usize>y * stride, 0, width, sums);
    upsampleRow(sums, width, to, 1, 2, 2);
    return to;
  }
  const row = y >> 1;
  const other = min(max(y & 1 ? row + 1 : row - 1, 0), height - 1);
  sumRows(plane + <usize>row * stride, plane + <usize>other * stride, width, sums);
  upsampleRow(sums, width, to, 8, 7, 4);
  return to;
}

/** (factor · x + 2^15) >> 16 */
function part(x: v128, factor: i16): v128 {
  const half = i32x4.splat(1 << 15);
  const by = i16x8.splat(factor);
  return i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.add(i32x4.extmul_low_i16x8_s(x, by), half), 16),
    i32x4.shr_s(i32x4.add(i32x4.extmul_high_i16x8_s(x, by), half), 16),
  );
}

/** The factors of jdcolor.c less whole numbers, which 16 bits do not hold: 1.402, 1.772, −0.34414 and −0.71414 times 2^16. */
const CR_RED: i16 = 26345;
const CB_BLUE: i16 = -14942;
const CB_GREEN: i16 = -22554;
const CR_GREEN: i16 = 18734;

function redOf(y: v128, cr: v128): v128 {
  return i16x8.add(y, i16x8.add(cr, part(cr, CR_RED)));
}

function blueOf(y: v128, cb: v128): v128 {
  return i16x8.add(y, i16x8.add(i16x8.add(cb, cb), part(cb, CB_BLUE)));
}

function greenOf(y: v128, cb: v128, cr: v128): v128 {
  const half = i32x4.splat(1 << 15);
  const factors = i16x8(CB_GREEN, CR_GREEN, CB_GREEN, CR_GREEN, CB_GREEN, CR_GREEN, CB_GREEN, CR_GREEN);
  const low = i32x4.dot_i16x8_s(v128.shuffle<i16>(cb, cr, 0, 8, 1, 9, 2, 10, 3, 11), factors);
  const high = i32x4.dot_i16x8_s(v128.shuffle<i16>(cb, cr, 4, 12, 5, 13, 6, 14, 7, 15), factors);
  const sum = i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.add(low, half), 16),
    i32x4.shr_s(i32x4.add(high, half), 16),
  );
  return i16x8.add(y, i16x8.sub(sum, cr));
}

/** Sixteen pixels as (r, g, b). */
function storeColours(to: usize, r: v128, g: v128, b: v128): void {
  const rg0 = v128.shuffle<u8>(r, g, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
  const rg1 = v128.shuffle<u8>(r, g, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
  const rg2 = v128.shuffle<u8>(r, g, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
  v128.store(to, v128.shuffle<u8>(rg0, b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
  v128.store(to, v128.shuffle<u8>(rg1, b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15), 16);
  v128.store(to, v128.shuffle<u8>(rg2, b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31), 32);
}

/**
 * (height, width, 3) of the planes' rows from `top` on. Up to 45 bytes past the end are written.
 * @param across, down pixels for one of chroma: 1 or 2
 * @param chromaWidth, chromaHeight of the part that belongs to the image
 * @param scratch 4 bytes for each column of the image, and 160
 */
export function coloursOf(
  luma: usize,
  stride: usize,
  width: i32,
  top: i32,
  height: i32,
  cbPlane: usize,
  crPlane: usize,
  chromaStride: usize,
  chromaWidth: i32,
  chromaHeight: i32,
  across: i32,
  down: i32,
  scratch: usize,
  to: usize,
): void {
  const middle = i16x8.splat(128);
  const sums = scratch + 16;
  const cbRow = sums + ((<usize>chromaWidth) << 1) + 32;
  const crRow = cbRow + ((<usize>chromaWidth) << 1) + 32;
  luma += <usize>top * stride;
  for (let y = top; y < top + height; y++) {
    const cb = chromaRow(cbPlane, chromaStride, chromaWidth, chromaHeight, y, across, down, sums, cbRow);
    const cr = chromaRow(crPlane, chromaStride, chromaWidth, chromaHeight, y, across, down, sums, crRow);
    for (let x = 0; x < width; x += 16) {
      const levels = v128.load(luma + x);
      const y0 = i16x8.extend_low_i8x16_u(levels);
      const y1 = i16x8.extend_high_i8x16_u(levels);
      const cb0 = i16x8.sub(v128.load8x8_u(cb + x), middle);
      const cb1 = i16x8.sub(v128.load8x8_u(cb + x + 8), middle);
      const cr0 = i16x8.sub(v128.load8x8_u(cr + x), middle);
      const cr1 = i16x8.sub(v128.load8x8_u(cr + x + 8), middle);
      storeColours(
        to + <usize>x * 3,
        i8x16.narrow_i16x8_u(redOf(y0, cr0), redOf(y1, cr1)),
        i8x16.narrow_i16x8_u(greenOf(y0, cb0, cr0), greenOf(y1, cb1, cr1)),
        i8x16.narrow_i16x8_u(blueOf(y0, cb0), blueOf(y1, cb1)),
      );
    }
    luma += stride;
    to += <usize>width * 3;
  }
}

/** (height, width, 3) of one plane of grey. */
export function greysOf(luma: usize, stride: usize, width: i32, height: i32, to: usize): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x += 16) {
      const levels = v128.load(luma + x);
      storeColours(to + <usize>x * 3, levels, levels, levels);
    }
    luma += stride;
    to += <usize>width * 3;
  }
}
