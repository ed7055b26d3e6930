import { Rng } from '../../util/rng.ts';
import type { AttackedModel } from './attack.ts';

export type Norm = 'linf' | 'l2';

/** What an adversarial image may be: near the clean one, and an image. All functions work on images (n, elems) in f32. */
export interface Ball {
  readonly norm: Norm;
  readonly eps: number;
  readonly elems: number;
  readonly x: Float32Array;
  readonly lower: Float32Array;
  readonly upper: Float32Array;
}

/** The ball of radius ε around images. No f32 in it is farther away than ε, whatever the rounding. */
export function ballAround(x: Float32Array, eps: number, norm: Norm, model: AttackedModel): Ball {
  const [low, high] = model.bounds;
  const reach = norm === 'linf' ? eps : Infinity;
  const lower = x.map((value) => Math.max(low, above(value - reach)));
  const upper = x.map((value) => Math.min(high, below(value + reach)));
  return { norm, eps, elems: model.elems, x, lower, upper };
}

const word = new Float32Array(1);
const bits = new Int32Array(word.buffer);

/** The largest f32 that is not above. */
export function below(value: number): number {
  const near = Math.fround(value);
  return near <= value ? near : neighbour(near, -1);
}

/** The smallest f32 that is not below. */
export function above(value: number): number {
  const near = Math.fround(value);
  return near >= value ? near : neighbour(near, 1);
}

function neighbour(value: number, direction: 1 | -1): number {
  if (value === 0) return direction * 2 ** -149;
  word[0] = value;
  bits[0] = (bits[0] as number) + (value > 0 === direction > 0 ? 1 : -1);
  return word[0];
}

/** Moves images into the ball. */
export function project(z: Float32Array, { norm, eps, elems, x, lower, upper }: Ball): void {
  if (norm === 'l2')
    for (let image = 0; image < z.length; image += elems) {
      let length = distance2(z, x, image, elems);
      // Rounding to f32 may leave it a little outside: then it shrinks a little more.
      for (let margin = 0; length > eps; margin = 2 * margin + 1e-7) {
        const scale = (eps / length) * (1 - margin);
        for (let i = image; i < image + elems; i++) {
          const from = x[i] as number;
          z[i] = from + ((z[i] as number) - from) * scale;
        }
        length = distance2(z, x, image, elems);
      }
    }
  for (let i = 0; i < z.length; i++)
    z[i] = Math.min(upper[i] as number, Math.max(lower[i] as number, z[i] as number));
}

/** ‖z − x‖₂ of the image that begins at `at`. */
export function distance2(z: Float32Array, x: Float32Array, at: number, elems: number): number {
  let sum = 0;
  for (let i = at; i < at + elems; i++) sum += ((z[i] as number) - (x[i] as number)) ** 2;
  return Math.sqrt(sum);
}

/** The largest |z − x| of the image that begins at `at`. */
export function distanceMax(z: Float32Array, x: Float32Array, at: number, elems: number): number {
  let most = 0;
  for (let i = at; i < at + elems; i++) most = Math.max(most, Math.abs((z[i] as number) - (x[i] as number)));
  return most;
}

/**
 * z + step · direction of a gradient: its sign, or it over its length.
 * @param step of each image
 */
export function ascend(
  z: Float32Array,
  gradient: Float32Array,
  step: (image: number) => number,
  ball: Ball,
): Float32Array {
  const { norm, elems } = ball;
  const out = new Float32Array(z.length);
  for (let at = 0, image = 0; at < z.length; at += elems, image++) {
    const size = Math.fround(step(image));
    const scale = norm === 'l2' ? size / (lengthOf(gradient, at, elems) + 1e-12) : size;
    for (let i = at; i < at + elems; i++) {
      const g = gradient[i] as number;
      out[i] = (z[i] as number) + scale * (norm === 'l2' ? g : Math.sign(g));
    }
  }
  return out;
}

function lengthOf(v: Float32Array, at: number, elems: number): number {
  let sum = 0;
  for (let i = at; i < at + elems; i++) sum += (v[i] as number) ** 2;
  return Math.sqrt(sum);
}

/**
 * A start in the ball, drawn for each image on its own.
 * @param spread `inside`: uniform; `edge`: its largest change, or its length, is ε, as AutoAttack begins
 */
export function randomStart(
  ball: Ball,
  draw: { readonly seed: number; readonly stream: string; readonly numbers: readonly number[] },
  spread: 'inside' | 'edge',
): Float32Array {
  const { x, elems, eps, norm } = ball;
  const z = new Float32Array(x.length);
  const noise = new Float64Array(elems);
  for (const [image, number] of draw.numbers.entries()) {
    const rng = new Rng(draw.seed, draw.stream, number);
    for (let i = 0; i < elems; i++) noise[i] = norm === 'l2' ? rng.normal() : rng.between(-1, 1);
    const radius = spread === 'inside' && norm === 'l2' ? rng.uniform() : 1;
    const measure =
      norm === 'l2'
        ? Math.sqrt(noise.reduce((sum, v) => sum + v * v, 0))
        : spread === 'edge'
          ? noise.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
          : 1;
    for (let i = 0, at = image * elems; i < elems; i++, at++)
      z[at] = (x[at] as number) + (eps * radius * (noise[i] as number)) / measure;
  }
  project(z, ball);
  return z;
}

/** Of each image, the share of values whose gradient is exactly zero. @param gradient of one image or several */
export function zeroShares(gradient: ArrayLike<number>, elems: number): Float64Array {
  const shares = new Float64Array(gradient.length / elems);
  for (let i = 0; i < gradient.length; i++)
    if (gradient[i] === 0) shares[Math.floor(i / elems)] = (shares[Math.floor(i / elems)] as number) + 1;
  return shares.map((count) => count / elems);
}

/** Some of the images, one behind the other. */
export function gather(x: Float32Array, images: readonly number[], elems: number): Float32Array {
  const out = new Float32Array(images.length * elems);
  images.forEach((image, i) => {
    out.set(x.subarray(image * elems, (image + 1) * elems), i * elems);
  });
  return out;
}
