import type { Image } from '../../data/image/image.ts';
import { defineCorruption } from './define.ts';
import { correlate, diskKernel } from './lib/defocus.ts';
import { gaussianSmooth } from './lib/gaussian.ts';
import { motionBlur as smear } from './lib/motion.ts';
import { clip, fromUnit, replicate, toUnit, toUnitFloat } from './lib/pixels.ts';
import { clippedZoom } from './lib/zoom.ts';
import type { Draws } from './types.ts';

function smooth(image: Image, sigma: number, truncate: number): Float64Array {
  return gaussianSmooth(toUnit(image.data), image.width, image.height, 3, sigma, truncate, replicate);
}

/** Gaussian of σ pixels, radius floor(truncate·σ + ½), edge replicated. */
export function blurGaussian(image: Image, sigma: number, truncate: number): Image {
  return fromUnit(image, smooth(image, sigma, truncate));
}

/** ImageMagick's motion blur of a colour image. */
export function blurMotion(image: Image, radius: number, sigma: number, degrees: number): Image {
  const { width, height } = image;
  return { width, height, data: smear(image.data, width, height, 3, radius, sigma, degrees) };
}

interface Glass {
  readonly sigma: number;
  readonly delta: number;
  readonly iterations: number;
}

/**
 * Pixels are copied from random neighbours between two Gaussians. The reference writes a swap, but its array views make
 * the second assignment a no-op: a copy. Later steps see earlier copies.
 */
function blurGlass(image: Image, { sigma, delta, iterations }: Glass, draws: Draws): Image {
  const { width, height } = image;
  const g = fromUnit(image, smooth(image, sigma, 4));
  for (let iteration = 0; iteration < iterations; iteration++) {
    for (let y = height - delta; y > delta; y--) {
      for (let x = width - delta; x > delta; x--) {
        const dx = draws.int(2 * delta) - delta;
        const dy = draws.int(2 * delta) - delta;
        const to = (y * width + x) * 3;
        const from = ((y + dy) * width + x + dx) * 3;
        for (let c = 0; c < 3; c++) g.data[to + c] = g.data[from + c] as number;
      }
    }
  }
  return fromUnit(image, smooth(g, sigma, 4));
}

/** The mean of the image and its clipped zooms, in single precision as the reference accumulates. */
function blurZoom(image: Image, { step, count }: { step: number; count: number }): Image {
  const { width, height } = image;
  const x = new Float64Array(toUnitFloat(image.data));
  const sum = new Float32Array(x.length);
  // NumPy's arange walks by (1 + step) − 1, which is not exactly `step`.
  const delta = 1 + step - 1;
  for (let i = 0; i < count; i++) {
    const zoomed = clippedZoom(x, width, height, 3, 1 + i * delta);
    for (let j = 0; j < sum.length; j++) sum[j] = (sum[j] as number) + Math.fround(zoomed[j] as number);
  }
  const data = new Uint8Array(x.length);
  for (let j = 0; j < data.length; j++) {
    const total = Math.fround((x[j] as number) + (sum[j] as number));
    data[j] = Math.floor(Math.fround(255 * clip(Math.fround(total / (count + 1)))));
  }
  return { width, height, data };
}

export const gaussianBlur = defineCorruption({
  name: 'gaussian_blur',
  group: 'extra',
  deterministic: true,
  imagenet: [1, 2, 3, 4, 6],
  cifar: [0.4, 0.6, 0.7, 0.8, 1],
  run: (image, sigma) => blurGaussian(image, sigma, 4),
});

export const glassBlur = defineCorruption<Glass>({
  name: 'glass_blur',
  group: 'blur',
  deterministic: false,
  imagenet: [
    { sigma: 0.7, delta: 1, iterations: 2 },
    { sigma: 0.9, delta: 2, iterations: 1 },
    { sigma: 1, delta: 2, iterations: 3 },
    { sigma: 1.1, delta: 3, iterations: 2 },
    { sigma: 1.5, delta: 4, iterations: 2 },
  ],
  cifar: [
    { sigma: 0.05, delta: 1, iterations: 1 },
    { sigma: 0.25, delta: 1, iterations: 1 },
    { sigma: 0.4, delta: 1, iterations: 1 },
    { sigma: 0.25, delta: 1, iterations: 2 },
    { sigma: 0.4, delta: 1, iterations: 2 },
  ],
  run: blurGlass,
});

export const defocusBlur = defineCorruption({
  name: 'defocus_blur',
  group: 'blur',
  deterministic: true,
  imagenet: [
    { radius: 3, alias: 0.1 },
    { radius: 4, alias: 0.5 },
    { radius: 6, alias: 0.5 },
    { radius: 8, alias: 0.5 },
    { radius: 10, alias: 0.5 },
  ],
  cifar: [
    { radius: 0.3, alias: 0.4 },
    { radius: 0.4, alias: 0.5 },
    { radius: 0.5, alias: 0.6 },
    { radius: 1, alias: 0.2 },
    { radius: 1.5, alias: 0.1 },
  ],
  run: (image, { radius, alias }) =>
    fromUnit(image, correlate(toUnit(image.data), image.width, image.height, diskKernel(radius, alias))),
});

export const motionBlur = defineCorruption({
  name: 'motion_blur',
  group: 'blur',
  deterministic: false,
  imagenet: [
    { radius: 10, sigma: 3 },
    { radius: 15, sigma: 5 },
    { radius: 15, sigma: 8 },
    { radius: 15, sigma: 12 },
    { radius: 20, sigma: 15 },
  ],
  cifar: [
    { radius: 6, sigma: 1 },
    { radius: 6, sigma: 1.5 },
    { radius: 6, sigma: 2 },
    { radius: 8, sigma: 2 },
    { radius: 9, sigma: 2.5 },
  ],
  run: (image, { radius, sigma }, draws) => blurMotion(image, radius, sigma, draws.between(-45, 45)),
});

export const zoomBlur = defineCorruption({
  name: 'zoom_blur',
  group: 'blur',
  deterministic: true,
  // Half-open ranges in the reference, whose upper end is often included by rounding.
  imagenet: [
    { step: 0.01, count: 12 },
    { step: 0.01, count: 16 },
    { step: 0.02, count: 11 },
    { step: 0.02, count: 13 },
    { step: 0.03, count: 11 },
  ],
  cifar: [
    { step: 0.01, count: 7 },
    { step: 0.01, count: 12 },
    { step: 0.01, count: 16 },
    { step: 0.01, count: 21 },
    { step: 0.01, count: 26 },
  ],
  run: blurZoom,
});
