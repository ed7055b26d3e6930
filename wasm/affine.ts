/**
 * Pillow's affine warps of (height, width, 3) bytes to the same size; src/data/augment/affine.ts has their meaning. All arithmetic is double
 * precision in Pillow's order, two values at a time.
 */

const PATCH_STRIDE: usize = 16;
/** The 4×4 pixels about a point at the image's edge, with the outermost ones repeated. */
const PATCH = memory.data(80, 16);

function clamped(index: i32, size: i32): i32 {
  return min(max(index, 0), size - 1);
}

function storePixel(to: usize, pixel: usize): void {
  store<u16>(to, load<u16>(pixel));
  store<u8>(to, load<u8>(pixel, 2), 2);
}

function storeColour(to: usize, colour: i32): void {
  store<u16>(to, <u16>colour);
  store<u8>(to, <u8>(colour >> 16), 2);
}

export function affineNearest(
  from: usize,
  width: i32,
  height: i32,
  to: usize,
  fill: i32,
  a: f64,
  b: f64,
  c: f64,
  d: f64,
  e: f64,
  f: f64,
): void {
  for (let y = 0; y < height; y++) {
    const py = <f64>y + 0.5;
    for (let x = 0; x < width; x++, to += 3) {
      const px = <f64>x + 0.5;
      const sx = a * px + b * py + c;
      const sy = d * px + e * py + f;
      if (sx >= 0 && sx < <f64>width && sy >= 0 && sy < <f64>height)
        storePixel(to, from + <usize>(<i32>sy * width + <i32>sx) * 3);
      else storeColour(to, fill);
    }
  }
}

function mix(a: f64, b: f64, d: f64): f64 {
  return a + (b - a) * d;
}

export function affineBilinear(
  from: usize,
  width: i32,
  height: i32,
  to: usize,
  fill: i32,
  a: f64,
  b: f64,
  c: f64,
  d: f64,
  e: f64,
  f: f64,
): void {
  const stride = <usize>width * 3;
  for (let y = 0; y < height; y++) {
    const py = <f64>y + 0.5;
    for (let x = 0; x < width; x++, to += 3) {
      const px = <f64>x + 0.5;
      const sx = a * px + b * py + c;
      const sy = d * px + e * py + f;
      if (!(sx >= 0 && sx < <f64>width && sy >= 0 && sy < <f64>height)) {
        storeColour(to, fill);
        continue;
      }
      const left = floor(sx - 0.5);
      const upper = floor(sy - 0.5);
      const dx = sx - 0.5 - left;
      const dy = sy - 0.5 - upper;
      const row0 = from + <usize>clamped(<i32>upper, height) * stride;
      const row1 = from + <usize>clamped(<i32>upper + 1, height) * stride;
      const x0 = <usize>clamped(<i32>left, width) * 3;
      const x1 = <usize>clamped(<i32>left + 1, width) * 3;
      for (let i: usize = 0; i < 3; i++) {
        const v0 = mix(<f64>load<u8>(row0 + x0 + i), <f64>load<u8>(row0 + x1 + i), dx);
        const v1 = mix(<f64>load<u8>(row1 + x0 + i), <f64>load<u8>(row1 + x1 + i), dx);
        store<u8>(to + i, <u8>mix(v0, v1, dy));
      }
    }
  }
}

/** v1 + d · (p2 + d · (p3 + d · p4)) */
function horner(v1: v128, p2: v128, p3: v128, p4: v128, d: v128): v128 {
  return f64x2.add(v1, f64x2.mul(d, f64x2.add(p2, f64x2.mul(d, f64x2.add(p3, f64x2.mul(d, p4))))));
}

/** Keys' cubic with a = −1 through four equidistant values, at `d` of the way from the second to the third. */
function cubic(v0: v128, v1: v128, v2: v128, v3: v128, d: v128): v128 {
  const first = f64x2.sub(v0, v1);
  const p2 = f64x2.sub(v2, v0);
  const p3 = f64x2.sub(f64x2.add(f64x2.add(first, first), v2), v3);
  const p4 = f64x2.add(f64x2.sub(f64x2.add(f64x2.neg(v0), v1), v2), v3);
  return horner(v1, p2, p3, p4, d);
}

/** The first, second and third two of eight 16-bit values. */
function two0(values: v128): v128 {
  return f64x2.convert_low_i32x4_s(i32x4.extend_low_i16x8_s(values));
}

function two1(values: v128): v128 {
  return two0(v128.shuffle<i32>(values, values, 1, 1, 1, 1));
}

function two2(values: v128): v128 {
  return f64x2.convert_low_i32x4_s(i32x4.extend_high_i16x8_s(values));
}

/** The pixels at `a` and `b` in another order: red and green of each, then both blues; of the next two pixels alike. */
function pairs(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 1, 16, 17, 2, 18, 0, 0, 3, 4, 19, 20, 5, 21, 0, 0);
}

/** Four rows of four pixels, interpolated to one at (dx, dy) from the second of each; rows lie `stride` bytes apart. */
function between(patch: usize, stride: usize, dx: f64, dy: f64): v128 {
  const across = f64x2.splat(dx);
  const down = f64x2.splat(dy);
  let redGreen0 = down;
  let redGreen1 = down;
  let redGreen2 = down;
  let redGreen3 = down;
  let blue01 = down;
  let blue23 = down;
  for (let half = 0; half < 2; half++) {
    // At dy = 0 the polynomial is exactly its second value: shears and shifts along x.
    if (dy == 0 && half == 1) break;
    const row = patch + <usize>(half * 2) * stride;
    const a = v128.load(row);
    const b = v128.load(row + stride);
    const left = pairs(a, b);
    const v1 = i16x8.extend_high_i8x16_u(left);
    let first = two0(v1);
    let second = two1(v1);
    let blues = two2(v1);
    if (dx != 0) {
      const right = pairs(
        v128.shuffle<u8>(a, a, 6, 7, 8, 9, 10, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        v128.shuffle<u8>(b, b, 6, 7, 8, 9, 10, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      );
      const v0 = i16x8.extend_low_i8x16_u(left);
      const v2 = i16x8.extend_low_i8x16_u(right);
      const v3 = i16x8.extend_high_i8x16_u(right);
      const p2 = i16x8.sub(v2, v0);
      const p3 = i16x8.sub(i16x8.add(i16x8.shl(i16x8.sub(v0, v1), 1), v2), v3);
      const p4 = i16x8.add(i16x8.sub(i16x8.sub(v1, v0), v2), v3);
      first = horner(first, two0(p2), two0(p3), two0(p4), across);
      second = horner(second, two1(p2), two1(p3), two1(p4), across);
      blues = horner(blues, two2(p2), two2(p3), two2(p4), across);
    }
    if (half == 0) {
      redGreen0 = first;
      redGreen1 = second;
      blue01 = blues;
    } else {
      redGreen2 = first;
      redGreen3 = second;
      blue23 = blues;
    }
  }
  let blue = v128.shuffle<i64>(blue01, blue01, 1, 1);
  if (dy != 0) {
    redGreen1 = cubic(redGreen0, redGreen1, redGreen2, redGreen3, down);
    const blue3 = v128.shuffle<i64>(blue23, blue23, 1, 1);
    blue = cubic(blue01, blue, blue23, blue3, down);
  }
  const words = v128.shuffle<i64>(
    i32x4.trunc_sat_f64x2_s_zero(redGreen1),
    i32x4.trunc_sat_f64x2_s_zero(blue),
    0,
    2,
  );
  const narrow = i16x8.narrow_i32x4_s(words, words);
  return i8x16.narrow_i16x8_u(narrow, narrow);
}

/** Copies the 4×4 pixels from (column, line) on, the outermost ones repeated beyond the edges. */
function repeatEdges(from: usize, width: i32, height: i32, column: i32, line: i32): void {
  for (let row = 0; row < 4; row++) {
    const source = from + <usize>(clamped(line + row, height) * width) * 3;
    for (let x = 0; x < 4; x++)
      storePixel(
        PATCH + <usize>row * PATCH_STRIDE + <usize>x * 3,
        source + <usize>clamped(column + x, width) * 3,
      );
  }
}

/** Reads up to four bytes past the image. */
export function affineBicubic(
  from: usize,
  width: i32,
  height: i32,
  to: usize,
  fill: i32,
  a: f64,
  b: f64,
  c: f64,
  d: f64,
  e: f64,
  f: f64,
): void {
  const stride = <usize>width * 3;
  for (let y = 0; y < height; y++) {
    const py = <f64>y + 0.5;
    for (let x = 0; x < width; x++, to += 3) {
      const px = <f64>x + 0.5;
      const sx = a * px + b * py + c;
      const sy = d * px + e * py + f;
      if (!(sx >= 0 && sx < <f64>width && sy >= 0 && sy < <f64>height)) {
        storeColour(to, fill);
        continue;
      }
      const left = floor(sx - 0.5);
      const upper = floor(sy - 0.5);
      const column = <i32>left - 1;
      const line = <i32>upper - 1;
      const dx = sx - 0.5 - left;
      const dy = sy - 0.5 - upper;
      let patch = from + <usize>line * stride + <usize>column * 3;
      let apart = stride;
      if (column < 0 || line < 0 || column + 4 > width || line + 4 > height) {
        repeatEdges(from, width, height, column, line);
        patch = PATCH;
        apart = PATCH_STRIDE;
      }
      storeColour(to, i32x4.extract_lane(between(patch, apart, dx, dy), 0));
    }
  }
}
