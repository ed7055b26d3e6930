/**
 * Resampling with Pillow's 22-bit weights. A weight is stored as two 16-bit halves, weight = high · 2^15 + low, because 16-bit
 * multiply-adds are the widest that SIMD has: two weights at a time as (low, low, high, high). Sums wrap at 32 bits as Pillow's do.
 * Windows are padded with zero weights to an even number, so up to one pixel, row or vector past a window is read and not used.
 */
const HALF = i32x4.splat(1 << 21);

function level(low: v128, high: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.add(low, i32x4.shl(high, 15)), HALF), 22);
}

/**
 * Rows at their new width: (rows, width, 3) from rows of `stride` bytes.
 * @param first (width) i32, the first column that each output column reads
 * @param weights (width, pairs) of four i16
 */
export function passHorizontal(
  from: usize,
  stride: usize,
  rows: i32,
  to: usize,
  width: i32,
  first: usize,
  weights: usize,
  pairs: i32,
): void {
  // Two neighbouring pixels as 16-bit pairs of one channel: (r0, r1, g0, g1, b0, b1, 0, 0).
  const channels = i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  for (let y = 0; y < rows; y++) {
    let weight = weights;
    for (let x = 0; x < width; x++) {
      let pixel = from + <usize>load<i32>(first + ((<usize>x) << 2)) * 3;
      let low = i32x4.splat(0);
      let high = i32x4.splat(0);
      for (const end = weight + ((<usize>pairs) << 3); weight < end; weight += 8, pixel += 6) {
        const two = i8x16.swizzle(v128.load64_zero(pixel), channels);
        low = i32x4.add(low, i32x4.dot_i16x8_s(two, v128.load32_splat(weight)));
        high = i32x4.add(high, i32x4.dot_i16x8_s(two, v128.load32_splat(weight, 4)));
      }
      const words = level(low, high);
      const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(words, words), words);
      // The fourth byte is overwritten by the next pixel.
      store<i32>(to, i32x4.extract_lane(bytes, 0));
      to += 3;
    }
    from += stride;
  }
}

/** Mixes rows of `stride` bytes: (height, stride). `first` and `weights` as above, for rows. */
export function passVertical(
  from: usize,
  stride: usize,
  to: usize,
  height: i32,
  first: usize,
  weights: usize,
  pairs: i32,
): void {
  const zero = i32x4.splat(0);
  for (let y = 0; y < height; y++) {
    const top = from + <usize>load<i32>(first + ((<usize>y) << 2)) * stride;
    for (let i: usize = 0; i < stride; i += 16) {
      let low0 = zero;
      let low1 = zero;
      let low2 = zero;
      let low3 = zero;
      let high0 = zero;
      let high1 = zero;
      let high2 = zero;
      let high3 = zero;
      let row = top + i;
      let weight = weights;
      for (let pair = 0; pair < pairs; pair++) {
        const a = v128.load(row);
        const b = v128.load(row + stride);
        const left = v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const right = v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const low = v128.load32_splat(weight);
        const high = v128.load32_splat(weight, 4);
        const two0 = i16x8.extend_low_i8x16_u(left);
        const two1 = i16x8.extend_high_i8x16_u(left);
        const two2 = i16x8.extend_low_i8x16_u(right);
        const two3 = i16x8.extend_high_i8x16_u(right);
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(two0, low));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(two1, low));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(two2, low));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(two3, low));
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(two0, high));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(two1, high));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(two2, high));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(two3, high));
        weight += 8;
        row += 2 * stride;
      }
      const words0 = i16x8.narrow_i32x4_s(level(low0, high0), level(low1, high1));
      const words1 = i16x8.narrow_i32x4_s(level(low2, high2), level(low3, high3));
      // What is written past the row's end is overwritten by the next row.
      v128.store(to + i, i8x16.narrow_i16x8_u(words0, words1));
    }
    to += stride;
    weights += (<usize>pairs) << 3;
  }
}

/** The mirror image of (height, width, 3), four pixels at a time; what is written past a row's end is overwritten by the next row. */
export function flip(from: usize, width: i32, height: i32, to: usize): void {
  const mirrored = i8x16(9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2, -1, -1, -1, -1);
  const stride = <usize>width * 3;
  for (let y = 0; y < height; y++) {
    from += stride;
    for (let i: usize = 0; i < stride; i += 12)
      v128.store(to + i, i8x16.swizzle(v128.load(from - i - 12), mirrored));
    to += stride;
  }
}

/**
 * (pixels, 3) bytes to three planes of f32 by a table for each channel.
 * @param tables (3, 256) f32
 */
export function toPlanes(from: usize, pixels: i32, tables: usize, to: usize): void {
  const plane = (<usize>pixels) << 2;
  const end = to + plane;
  while (to < end) {
    store<f32>(to, load<f32>(tables + ((<usize>load<u8>(from)) << 2)));
    store<f32>(to + plane, load<f32>(tables + ((<usize>load<u8>(from, 1)) << 2), 1024));
    store<f32>(to + 2 * plane, load<f32>(tables + ((<usize>load<u8>(from, 2)) << 2), 2048));
    from += 3;
    to += 4;
  }
}
