// Adversarial images for training, in normalised pixels; ε, step a and the ends of the range differ by channel.
//   in(v) = v clamped to [x₀ − ε, x₀ + ε], then to the range, which is widened to x₀ where that lies outside
//   start: y = in(x₀ + ε (2u − 1)), u uniform in [0, 1): Threefry's first word at (key of the image, place of the pixel), its 24 highest bits
//   step:  y = in(x + a sign dx)

import { threefry2x32 } from '../../util/rng.ts';

/** Rows of `box`: (4, c). */
export const BOX = ['step', 'eps', 'low', 'high'] as const;

export interface Sizes {
  readonly n: number;
  readonly c: number;
  /** h·w */
  readonly pixels: number;
}

function inside(v: number, x0: number, box: Float64Array, channel: number, c: number): number {
  const [eps, low, high] = [1, 2, 3].map((row) => box[row * c + channel] as number) as [
    number,
    number,
    number,
  ];
  const near = Math.min(Math.max(v, x0 - eps), x0 + eps);
  return Math.min(Math.max(near, Math.min(low, x0)), Math.max(high, x0));
}

function mapPixels(
  clean: Float64Array,
  { c, pixels }: Sizes,
  of: (i: number, channel: number) => number,
): Float64Array {
  return clean.map((_, i) => of(i, Math.floor(i / pixels) % c));
}

/** @param keys (n, 4): two words of each image, each as its low and high half */
export function startReference(
  { clean, keys, box }: Readonly<Record<'clean' | 'keys' | 'box', Float64Array>>,
  sizes: Sizes,
): Float64Array {
  const { c, pixels } = sizes;
  return mapPixels(clean, sizes, (i, channel) => {
    const image = Math.floor(i / (c * pixels));
    const word = (j: number): number =>
      (keys[4 * image + 2 * j] as number) + 65536 * (keys[4 * image + 2 * j + 1] as number);
    const [bits] = threefry2x32(word(0), word(1), i - image * c * pixels, 0);
    const x0 = clean[i] as number;
    const eps = box[c + channel] as number;
    return inside(x0 + eps * (2 * ((bits >>> 8) / 2 ** 24) - 1), x0, box, channel, c);
  });
}

export function stepReference(
  { x, dx, clean, box }: Readonly<Record<'x' | 'dx' | 'clean' | 'box', Float64Array>>,
  sizes: Sizes,
): Float64Array {
  return mapPixels(clean, sizes, (i, channel) => {
    const moved = (x[i] as number) + (box[channel] as number) * Math.sign(dx[i] as number);
    return inside(moved, clean[i] as number, box, channel, sizes.c);
  });
}
