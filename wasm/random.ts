/** Threefry-2x32 with 20 rounds, four counters at a time: the generator of src/util/rng.ts. */

function rotated(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/** (a · 2^26 + b) / 2^53 of the upper 27 and 26 bits. */
function fraction(a: v128, b: v128): v128 {
  const high = f64x2.convert_low_i32x4_u(i32x4.shr_u(a, 5));
  const low = f64x2.convert_low_i32x4_u(i32x4.shr_u(b, 6));
  const sum = f64x2.add(f64x2.mul(high, f64x2.splat(67108864)), low);
  return f64x2.mul(sum, f64x2.splat(1.0 / 9007199254740992));
}

/**
 * `count` uniform f64 in [0, 1) of the counters from `counter` on. Up to three more are written.
 */
export function uniforms(k0: i32, k1: i32, counter: i32, count: i32, to: usize): void {
  const key0 = i32x4.splat(k0);
  const key1 = i32x4.splat(k1);
  const key2 = i32x4.splat(k0 ^ k1 ^ 0x1bd11bda);
  let counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  for (let i = 0; i < count; i += 4, to += 32) {
    let x0 = i32x4.add(counters, key0);
    let x1 = key1;
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 13), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 15), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 26), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 6), x0);
    x0 = i32x4.add(x0, key1);
    x1 = i32x4.add(x1, i32x4.add(key2, i32x4.splat(1)));
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 17), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 29), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 16), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 24), x0);
    x0 = i32x4.add(x0, key2);
    x1 = i32x4.add(x1, i32x4.add(key0, i32x4.splat(2)));
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 13), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 15), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 26), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 6), x0);
    x0 = i32x4.add(x0, key0);
    x1 = i32x4.add(x1, i32x4.add(key1, i32x4.splat(3)));
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 17), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 29), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 16), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 24), x0);
    x0 = i32x4.add(x0, key1);
    x1 = i32x4.add(x1, i32x4.add(key2, i32x4.splat(4)));
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 13), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 15), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 26), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotated(x1, 6), x0);
    x0 = i32x4.add(x0, key2);
    x1 = i32x4.add(x1, i32x4.add(key0, i32x4.splat(5)));
    v128.store(to, fraction(x0, x1));
    v128.store(to, fraction(v128.shuffle<i64>(x0, x0, 1, 1), v128.shuffle<i64>(x1, x1, 1, 1)), 16);
    counters = i32x4.add(counters, i32x4.splat(4));
  }
}
