/** Pillow's operations on colours of (pixels, 3) bytes; src/data/augment/pillow-ops.ts has their meaning and makes the tables. */

/** One look-up table for each channel: (3, 256) bytes. */
export function mapChannels(from: usize, pixels: i32, tables: usize, to: usize): void {
  for (const end = to + <usize>pixels * 3; to < end; to += 3) {
    store<u8>(to, load<u8>(tables + <usize>load<u8>(from)));
    store<u8>(to, load<u8>(tables + <usize>load<u8>(from, 1), 256), 1);
    store<u8>(to, load<u8>(tables + <usize>load<u8>(from, 2), 512), 2);
    from += 3;
  }
}

function count(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}

/** Adds how often each level occurs to `counts`, (3, 256) u32. */
export function histograms(from: usize, pixels: i32, counts: usize): void {
  for (const end = from + <usize>pixels * 3; from < end; from += 3) {
    count(counts + ((<usize>load<u8>(from)) << 2));
    count(counts + 1024 + ((<usize>load<u8>(from, 1)) << 2));
    count(counts + 2048 + ((<usize>load<u8>(from, 2)) << 2));
  }
}

/** Red, green or blue (channel 0 to 2) of four pixels. */
function red(four: v128): v128 {
  return i8x16.swizzle(four, i8x16(0, -1, -1, -1, 3, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1));
}

function green(four: v128): v128 {
  return i8x16.swizzle(four, i8x16(1, -1, -1, -1, 4, -1, -1, -1, 7, -1, -1, -1, 10, -1, -1, -1));
}

function blue(four: v128): v128 {
  return i8x16.swizzle(four, i8x16(2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1));
}

/** Pillow's RGB → L: ITU-R 601 weights in 16-bit fixed point. */
function luma(r: v128, g: v128, b: v128): v128 {
  const sum = i32x4.add(
    i32x4.mul(r, i32x4.splat(19595)),
    i32x4.add(i32x4.mul(g, i32x4.splat(38470)), i32x4.mul(b, i32x4.splat(7471))),
  );
  return i32x4.shr_u(i32x4.add(sum, i32x4.splat(0x8000)), 16);
}

/** The sum of the grey levels. */
export function greySum(from: usize, pixels: i32): f64 {
  let total: i64 = 0;
  for (const end = from + <usize>(pixels & ~3) * 3; from < end; from += 12) {
    const four = v128.load(from);
    const grey = luma(red(four), green(four), blue(four));
    const sums = i32x4.add(grey, v128.shuffle<i32>(grey, grey, 2, 3, 0, 1));
    total += <i64>(i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1));
  }
  for (let i = 0; i < (pixels & 3); i++, from += 3)
    total +=
      (<i64>load<u8>(from) * 19595 +
        <i64>load<u8>(from, 1) * 38470 +
        <i64>load<u8>(from, 2) * 7471 +
        0x8000) >>
      16;
  return <f64>total;
}

/** degenerate + factor · (level − degenerate) in single precision, truncated; not yet clamped above 255. */
function blended(value: v128, degenerate: v128, factor: v128): v128 {
  const difference = f32x4.convert_i32x4_s(i32x4.sub(value, degenerate));
  const sum = f32x4.add(f32x4.convert_i32x4_s(degenerate), f32x4.mul(factor, difference));
  return i32x4.trunc_sat_f32x4_s(sum);
}

/** Pillow's blend of each pixel with its grey. Up to three pixels past the end are written. */
export function blend(from: usize, pixels: i32, factor: f32, to: usize): void {
  const alpha = f32x4.splat(factor);
  const interleaved = i8x16(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, -1, -1, -1, -1);
  for (const end = from + <usize>pixels * 3; from < end; from += 12, to += 12) {
    const four = v128.load(from);
    const r = red(four);
    const g = green(four);
    const b = blue(four);
    const grey = luma(r, g, b);
    const words = i16x8.narrow_i32x4_s(blended(r, grey, alpha), blended(g, grey, alpha));
    const rest = i16x8.narrow_i32x4_s(blended(b, grey, alpha), grey);
    v128.store(to, i8x16.swizzle(i8x16.narrow_i16x8_u(words, rest), interleaved));
  }
}

function wide(at: usize): v128 {
  return v128.load8x8_u(at);
}

/** The sum of three pixels in a column, eight bytes of it. */
function column(at: usize, stride: usize): v128 {
  return i16x8.add(i16x8.add(wide(at - stride), wide(at)), wide(at + stride));
}

/**
 * Pillow's blend of each inner pixel with (1,1,1; 1,5,1; 1,1,1)/13 of its neighbourhood. `to` holds a copy of the image, from which the
 * outermost pixels stay. Sums over 13 are rounded to nearest as (2 · sum + 13) / 26, and that as a product: 20165 / 2^19 is
 * near enough to 1/26 for every sum of bytes.
 */
export function sharpen(from: usize, width: i32, height: i32, factor: f32, to: usize): void {
  const stride = <usize>width * 3;
  const alpha = f32x4.splat(factor);
  const inverse = i16x8.splat(20165);
  for (let y = 1; y < height - 1; y++) {
    const end = <usize>(y + 1) * stride - 3;
    for (let i = <usize>y * stride + 3; i < end; i += 8) {
      const at = from + i;
      const center = wide(at);
      const sides = i16x8.add(column(at - 3, stride), column(at + 3, stride));
      const sum = i16x8.add(i16x8.add(sides, column(at, stride)), i16x8.shl(center, 2));
      const doubled = i16x8.add(i16x8.shl(sum, 1), i16x8.splat(13));
      const low = blended(
        i32x4.extend_low_i16x8_u(center),
        i32x4.shr_u(i32x4.extmul_low_i16x8_u(doubled, inverse), 19),
        alpha,
      );
      const high = blended(
        i32x4.extend_high_i16x8_u(center),
        i32x4.shr_u(i32x4.extmul_high_i16x8_u(doubled, inverse), 19),
        alpha,
      );
      const words = i16x8.narrow_i32x4_s(low, high);
      const bytes = i8x16.narrow_i16x8_u(words, words);
      if (i + 8 <= end) v128.store64_lane(to + i, bytes, 0);
      else storeSome(to + i, bytes, <i32>(end - i));
    }
  }
}

/** The first `bytes` of up to eight. */
function storeSome(to: usize, value: v128, bytes: i32): void {
  let rest = i64x2.extract_lane(value, 0);
  for (let i = 0; i < bytes; i++, rest >>= 8) store<u8>(to + i, <u8>rest);
}
