import type { Image } from '../../data/image/image.ts';
import { defineCorruption } from './define.ts';
import { fromUnit, toUnit } from './lib/pixels.ts';
import { poissonTables } from './lib/poisson.ts';
import type { Draws } from './types.ts';

/** clip(x + N(0, σ)) per pixel and channel. */
export function addGaussian(image: Image, sigma: number, draws: Draws): Image {
  const x = toUnit(image.data);
  for (let i = 0; i < x.length; i++) x[i] = (x[i] as number) + sigma * draws.normal();
  return fromUnit(image, x);
}

/** clip(Poisson(x·photons)/photons) per pixel and channel. */
export function addShot(image: Image, photons: number, draws: Draws): Image {
  const tables = poissonTables(photons);
  const x = new Float64Array(image.data.length);
  for (let i = 0; i < x.length; i++) x[i] = tables.draw(image.data[i] as number, draws) / photons;
  return fromUnit(image, x);
}

/** clip(x + x·N(0, σ)) per pixel and channel. */
export function addSpeckle(image: Image, sigma: number, draws: Draws): Image {
  const x = toUnit(image.data);
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number;
    x[i] = value + value * (sigma * draws.normal());
  }
  return fromUnit(image, x);
}

/** With probability `amount` a value becomes 0 or 255, per pixel and channel: coloured specks. */
function addImpulses(image: Image, amount: number, draws: Draws): Image {
  const data = new Uint8Array(image.data); // a copy, whatever kind of array the pixels are in
  const flips = data.map(() => (draws.uniform() < amount ? 1 : 0));
  for (let i = 0; i < data.length; i++) {
    const isSalt = draws.uniform() < 0.5;
    if (flips[i] === 1) data[i] = isSalt ? 255 : 0;
  }
  return { width: image.width, height: image.height, data };
}

export const gaussianNoise = defineCorruption({
  name: 'gaussian_noise',
  group: 'noise',
  deterministic: false,
  imagenet: [0.08, 0.12, 0.18, 0.26, 0.38],
  cifar: [0.04, 0.06, 0.08, 0.09, 0.1],
  run: addGaussian,
});

export const shotNoise = defineCorruption({
  name: 'shot_noise',
  group: 'noise',
  deterministic: false,
  imagenet: [60, 25, 12, 5, 3],
  cifar: [500, 250, 100, 75, 50],
  run: addShot,
});

export const impulseNoise = defineCorruption({
  name: 'impulse_noise',
  group: 'noise',
  deterministic: false,
  imagenet: [0.03, 0.06, 0.09, 0.17, 0.27],
  cifar: [0.01, 0.02, 0.03, 0.05, 0.07],
  run: addImpulses,
});

export const speckleNoise = defineCorruption({
  name: 'speckle_noise',
  group: 'extra',
  deterministic: false,
  imagenet: [0.15, 0.2, 0.35, 0.45, 0.6],
  cifar: [0.06, 0.1, 0.12, 0.16, 0.2],
  run: addSpeckle,
});
