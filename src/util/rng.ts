/**
 * Counter-based random numbers (Threefry-2x32, 20 rounds; Salmon et al., SC 2011; the generator of JAX).
 * A stream is named by (seed, stream, index); it has no state to save, so a resumed run, another number of workers or
 * another batch size sees the same numbers.
 */

import { freshWorkspace } from './wasm.ts';

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** One block: two 32-bit words from key (k0, k1) and counter (c0, c1). Test vector: key 0, counter 0 → 6b200159, 99ba4efe. */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const keys = [k0 | 0, k1 | 0, (k0 ^ k1 ^ 0x1bd11bda) | 0] as const;
  let x0 = (c0 + keys[0]) | 0;
  let x1 = (c1 + keys[1]) | 0;
  for (let group = 0; group < 5; group++) {
    const base = (group & 1) * 4;
    for (let r = 0; r < 4; r++) {
      const rotation = ROTATIONS[base + r] as number;
      x0 = (x0 + x1) | 0;
      x1 = (x1 << rotation) | (x1 >>> (32 - rotation));
      x1 ^= x0;
    }
    x0 = (x0 + (keys[(group + 1) % 3] as number)) | 0;
    x1 = (x1 + (keys[(group + 2) % 3] as number) + group + 1) | 0;
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** FNV-1a of a stream's name. */
export function streamId(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The key of a stream: two words. @param index any non-negative integer below 2^53 */
export function streamKey(seed: number, stream: string, index: number): [number, number] {
  const [a, b] = threefry2x32(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, streamId(stream), 0x6c6b);
  return threefry2x32(a, b, index >>> 0, Math.floor(index / 2 ** 32) >>> 0);
}

/** A sequence of draws that depends only on (seed, stream, index). Cheap to make: make one per sample. */
export class Rng {
  private readonly k0: number;
  private readonly k1: number;
  private counter = 0;
  private spare: number | undefined;

  /** @param index e.g. epoch · dataset size + sample; any non-negative integer below 2^53 */
  constructor(seed: number, stream: string, index = 0) {
    [this.k0, this.k1] = streamKey(seed, stream, index);
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    const [a, b] = threefry2x32(this.k0, this.k1, this.counter++, 0);
    return ((a >>> 5) * 67108864 + (b >>> 6)) / 9007199254740992;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform integer in [0, n). */
  int(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** True with probability p. */
  chance(p: number): boolean {
    return this.uniform() < p;
  }

  /** Standard normal (Box–Muller, both values used). */
  normal(): number {
    if (this.spare !== undefined) {
      const value = this.spare;
      this.spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** `count` numbers, each as `normal` would give it next. */
  normals(count: number): Float64Array {
    const out = new Float64Array(count);
    let i = 0;
    if (count > 0 && this.spare !== undefined) out[i++] = this.normal();
    const pairs = (count - i) >> 1;
    const draws = this.uniforms(2 * pairs);
    for (let d = 0; d < 2 * pairs; d += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - (draws[d] as number)));
      const angle = 2 * Math.PI * (draws[d + 1] as number);
      out[i++] = radius * Math.cos(angle);
      out[i++] = radius * Math.sin(angle);
    }
    if (i < count) out[i] = this.normal();
    return out;
  }

  /** The module's memory, until it is used again. */
  private uniforms(count: number): Float64Array {
    const space = freshWorkspace();
    const at = space.room(8 * count);
    space.run.uniforms(this.k0, this.k1, this.counter, count, at);
    this.counter += count;
    const { buffer, byteOffset } = space.view(at, 8 * count);
    return new Float64Array(buffer, byteOffset, count);
  }

  /** Gamma(shape, 1), Marsaglia & Tsang 2000. */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * Math.pow(1 - this.uniform(), 1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** Beta(a, b). */
  beta(a: number, b: number): number {
    const x = this.gamma(a);
    return x / (x + this.gamma(b));
  }

  /** A permutation of 0 … n−1 (Fisher–Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = order[i] as number;
      order[i] = order[j] as number;
      order[j] = held;
    }
    return order;
  }
}
