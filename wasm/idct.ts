/** libjpeg's accurate integer inverse transform of 8×8 coefficients (jidctint.c), as its SIMD versions order it: 16-bit pairs, 32-bit sums. */

const WORK = memory.data(128, 16);

/** The constants of jidctint.c: cosines times 2^13. */
const C0_298: i16 = 2446;
const C0_390: i16 = 3196;
const C0_541: i16 = 4433;
const C0_765: i16 = 6270;
const C0_899: i16 = 7373;
const C1_175: i16 = 9633;
const C1_501: i16 = 12299;
const C1_847: i16 = 15137;
const C1_961: i16 = 16069;
const C2_053: i16 = 16819;
const C2_562: i16 = 20995;
const C3_072: i16 = 25172;

/** a · x + b · y of pairs (x, y). */
function weighted(pairs: v128, a: i16, b: i16): v128 {
  return i32x4.dot_i16x8_s(pairs, i16x8(a, b, a, b, a, b, a, b));
}

function lowPairs(x: v128, y: v128): v128 {
  return v128.shuffle<i16>(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
}

function highPairs(x: v128, y: v128): v128 {
  return v128.shuffle<i16>(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
}

function scaled(sum: v128, half: v128, shift: i32): v128 {
  return i32x4.shr_s(i32x4.add(sum, half), shift);
}

/** Transforms the columns of 8×8 i16 and transposes. */
function transformColumns(from: usize, to: usize, shift: i32): void {
  const half = i32x4.splat(1 << (shift - 1));
  const r0 = v128.load(from);
  const r1 = v128.load(from, 16);
  const r2 = v128.load(from, 32);
  const r3 = v128.load(from, 48);
  const r4 = v128.load(from, 64);
  const r5 = v128.load(from, 80);
  const r6 = v128.load(from, 96);
  const r7 = v128.load(from, 112);
  const z3 = i16x8.add(r7, r3);
  const z4 = i16x8.add(r5, r1);
  const low04 = lowPairs(r0, r4);
  const low26 = lowPairs(r2, r6);
  const lowZ = lowPairs(z3, z4);
  const low71 = lowPairs(r7, r1);
  const low53 = lowPairs(r5, r3);
  const lowEven2 = weighted(low26, C0_541, C0_541 - C1_847);
  const lowEven3 = weighted(low26, C0_541 + C0_765, C0_541);
  const lowEven0 = weighted(low04, 8192, 8192);
  const lowEven1 = weighted(low04, 8192, -8192);
  const lowTen = i32x4.add(lowEven0, lowEven3);
  const lowThirteen = i32x4.sub(lowEven0, lowEven3);
  const lowEleven = i32x4.add(lowEven1, lowEven2);
  const lowTwelve = i32x4.sub(lowEven1, lowEven2);
  const lowZ3 = weighted(lowZ, C1_175 - C1_961, C1_175);
  const lowZ4 = weighted(lowZ, C1_175, C1_175 - C0_390);
  const lowOdd0 = i32x4.add(weighted(low71, C0_298 - C0_899, -C0_899), lowZ3);
  const lowOdd3 = i32x4.add(weighted(low71, -C0_899, C1_501 - C0_899), lowZ4);
  const lowOdd1 = i32x4.add(weighted(low53, C2_053 - C2_562, -C2_562), lowZ4);
  const lowOdd2 = i32x4.add(weighted(low53, -C2_562, C3_072 - C2_562), lowZ3);
  const low0 = scaled(i32x4.add(lowTen, lowOdd3), half, shift);
  const low7 = scaled(i32x4.sub(lowTen, lowOdd3), half, shift);
  const low1 = scaled(i32x4.add(lowEleven, lowOdd2), half, shift);
  const low6 = scaled(i32x4.sub(lowEleven, lowOdd2), half, shift);
  const low2 = scaled(i32x4.add(lowTwelve, lowOdd1), half, shift);
  const low5 = scaled(i32x4.sub(lowTwelve, lowOdd1), half, shift);
  const low3 = scaled(i32x4.add(lowThirteen, lowOdd0), half, shift);
  const low4 = scaled(i32x4.sub(lowThirteen, lowOdd0), half, shift);
  const high04 = highPairs(r0, r4);
  const high26 = highPairs(r2, r6);
  const highZ = highPairs(z3, z4);
  const high71 = highPairs(r7, r1);
  const high53 = highPairs(r5, r3);
  const highEven2 = weighted(high26, C0_541, C0_541 - C1_847);
  const highEven3 = weighted(high26, C0_541 + C0_765, C0_541);
  const highEven0 = weighted(high04, 8192, 8192);
  const highEven1 = weighted(high04, 8192, -8192);
  const highTen = i32x4.add(highEven0, highEven3);
  const highThirteen = i32x4.sub(highEven0, highEven3);
  const highEleven = i32x4.add(highEven1, highEven2);
  const highTwelve = i32x4.sub(highEven1, highEven2);
  const highZ3 = weighted(highZ, C1_175 - C1_961, C1_175);
  const highZ4 = weighted(highZ, C1_175, C1_175 - C0_390);
  const highOdd0 = i32x4.add(weighted(high71, C0_298 - C0_899, -C0_899), highZ3);
  const highOdd3 = i32x4.add(weighted(high71, -C0_899, C1_501 - C0_899), highZ4);
  const highOdd1 = i32x4.add(weighted(high53, C2_053 - C2_562, -C2_562), highZ4);
  const highOdd2 = i32x4.add(weighted(high53, -C2_562, C3_072 - C2_562), highZ3);
  const high0 = scaled(i32x4.add(highTen, highOdd3), half, shift);
  const high7 = scaled(i32x4.sub(highTen, highOdd3), half, shift);
  const high1 = scaled(i32x4.add(highEleven, highOdd2), half, shift);
  const high6 = scaled(i32x4.sub(highEleven, highOdd2), half, shift);
  const high2 = scaled(i32x4.add(highTwelve, highOdd1), half, shift);
  const high5 = scaled(i32x4.sub(highTwelve, highOdd1), half, shift);
  const high3 = scaled(i32x4.add(highThirteen, highOdd0), half, shift);
  const high4 = scaled(i32x4.sub(highThirteen, highOdd0), half, shift);
  const y0 = i16x8.narrow_i32x4_s(low0, high0);
  const y1 = i16x8.narrow_i32x4_s(low1, high1);
  const y2 = i16x8.narrow_i32x4_s(low2, high2);
  const y3 = i16x8.narrow_i32x4_s(low3, high3);
  const y4 = i16x8.narrow_i32x4_s(low4, high4);
  const y5 = i16x8.narrow_i32x4_s(low5, high5);
  const y6 = i16x8.narrow_i32x4_s(low6, high6);
  const y7 = i16x8.narrow_i32x4_s(low7, high7);
  const a0 = lowPairs(y0, y1);
  const a1 = highPairs(y0, y1);
  const a2 = lowPairs(y2, y3);
  const a3 = highPairs(y2, y3);
  const a4 = lowPairs(y4, y5);
  const a5 = highPairs(y4, y5);
  const a6 = lowPairs(y6, y7);
  const a7 = highPairs(y6, y7);
  const b0 = v128.shuffle<i32>(a0, a2, 0, 4, 1, 5);
  const b1 = v128.shuffle<i32>(a0, a2, 2, 6, 3, 7);
  const b2 = v128.shuffle<i32>(a1, a3, 0, 4, 1, 5);
  const b3 = v128.shuffle<i32>(a1, a3, 2, 6, 3, 7);
  const b4 = v128.shuffle<i32>(a4, a6, 0, 4, 1, 5);
  const b5 = v128.shuffle<i32>(a4, a6, 2, 6, 3, 7);
  const b6 = v128.shuffle<i32>(a5, a7, 0, 4, 1, 5);
  const b7 = v128.shuffle<i32>(a5, a7, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(b0, b4, 0, 2));
  v128.store(to, v128.shuffle<i64>(b0, b4, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(b1, b5, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(b1, b5, 1, 3), 48);
  v128.store(to, v128.shuffle<i64>(b2, b6, 0, 2), 64);
  v128.store(to, v128.shuffle<i64>(b2, b6, 1, 3), 80);
  v128.store(to, v128.shuffle<i64>(b3, b7, 0, 2), 96);
  v128.store(to, v128.shuffle<i64>(b3, b7, 1, 3), 112);
}

/** 8×8 levels from coefficients (8, 8) i16 in natural order, already multiplied by their quantisation. */
export function inverseTransform(block: usize, to: usize, stride: usize): void {
  transformColumns(block, WORK, 11);
  transformColumns(WORK, WORK, 18);
  const middle = i8x16.splat(-128);
  for (let i: usize = 0; i < 128; i += 32, to += 2 * stride) {
    const two = v128.xor(i8x16.narrow_i16x8_s(v128.load(WORK + i), v128.load(WORK + i, 16)), middle);
    v128.store64_lane(to, two, 0);
    v128.store64_lane(to + stride, two, 1);
  }
}

/** The same of a block that has its first coefficient alone. */
export function flatBlock(coefficient: i32, to: usize, stride: usize): void {
  const level = min(max((((coefficient << 2) + 16) >> 5) + 128, 0), 255);
  const row = <u64>level * 0x0101010101010101;
  for (let y = 0; y < 8; y++, to += stride) store<u64>(to, row);
}
