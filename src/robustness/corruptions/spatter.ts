import type { Image } from '../../data/image/image.ts';
import { defineCorruption } from './define.ts';
import { canny } from './lib/canny.ts';
import { chamferDistance } from './lib/chamfer.ts';
import { correlate3x3, equalizeHistogram } from './lib/equalize.ts';
import { gaussianSmooth } from './lib/gaussian.ts';
import { clip, fromUnit, replicate, toBytes, toUnit, toUnitFloat } from './lib/pixels.ts';
import type { Draws } from './types.ts';

const WATER = [175 / 255, 238 / 255, 238 / 255] as const;
const MUD = [63 / 255, 42 / 255, 20 / 255] as const;
const BOX = [1, 1, 1, 1, 1, 1, 1, 1, 1] as const;
const EMBOSS = [-2, -1, 0, -1, 1, 1, 0, 1, 2] as const;
const { fround } = Math;

/** Smooth random liquid (height, width): values below the threshold are 0. */
export function liquidLayer(
  width: number,
  height: number,
  layer: { loc: number; scale: number; sigma: number; threshold: number },
  draws: Draws,
): Float64Array {
  const noise = new Float64Array(width * height);
  for (let i = 0; i < noise.length; i++) noise[i] = layer.loc + layer.scale * draws.normal();
  const smooth = gaussianSmooth(noise, width, height, 1, layer.sigma, 4, replicate);
  return smooth.map((value) => (value < layer.threshold ? 0 : value));
}

/** Pale turquoise drops whose brightness follows the distance to their edges. */
export function addWater(image: Image, liquid: Float64Array, gain: number): Image {
  const { width, height } = image;
  const depth = toBytes(liquid, (value) => 255 * clip(value));
  const relief = reliefOf(depth, width, height);
  const strength = new Float32Array(depth.length);
  let strongest = 0;
  for (let i = 0; i < depth.length; i++) {
    strength[i] = (depth[i] as number) * (relief[i] as number);
    strongest = Math.max(strongest, strength[i] as number);
  }
  if (strongest === 0) return image;
  const x = toUnitFloat(image.data);
  for (let i = 0, at = 0; i < depth.length; i++) {
    const m = fround(fround((strength[i] as number) / strongest) * fround(gain));
    for (let c = 0; c < 3; c++, at++) x[at] = (x[at] as number) + fround(m * fround(WATER[c] as number));
  }
  return { width, height, data: toBytes(x, (value) => fround(255 * clip(value))) };
}

/** Bytes (height, width): embossed, equalised distance to the edges of the drops. */
function reliefOf(depth: Uint8Array, width: number, height: number): Uint8Array {
  const edges = canny(depth, width, height, 50, 150);
  const near = chamferDistance(edges, width, height).map((value) => Math.min(value, 20));
  const mean = correlate3x3(near, width, height, BOX);
  const equalized = equalizeHistogram(toBytes(mean, (sum) => sum / 9));
  const embossed = correlate3x3(equalized, width, height, EMBOSS);
  const bytes = toBytes(embossed, (sum) => Math.min(255, Math.max(0, sum)));
  return toBytes(correlate3x3(bytes, width, height, BOX), (sum) => sum / 9 + 0.5);
}

/** Brown splashes that cover the image. */
function addMud(image: Image, liquid: Float64Array, threshold: number, sigma: number): Image {
  const { width, height } = image;
  const splash = liquid.map((value) => (value > threshold ? 1 : 0));
  const smooth = gaussianSmooth(splash, width, height, 1, sigma, 4, replicate);
  const x = toUnit(image.data);
  for (let i = 0, at = 0; i < smooth.length; i++) {
    const blurred = smooth[i] as number;
    const m = blurred < 0.8 ? 0 : blurred;
    for (let c = 0; c < 3; c++, at++) x[at] = (x[at] as number) * (1 - m) + m * (MUD[c] as number);
  }
  return fromUnit(image, x);
}

interface Spatter {
  readonly loc: number;
  readonly scale: number;
  readonly sigma: number;
  readonly threshold: number;
  readonly gain: number;
  readonly liquid: 'water' | 'mud';
}

function row(
  loc: number,
  scale: number,
  sigma: number,
  threshold: number,
  gain: number,
  liquid: Spatter['liquid'],
): Spatter {
  return { loc, scale, sigma, threshold, gain, liquid };
}

export const spatter = defineCorruption({
  name: 'spatter',
  group: 'extra',
  deterministic: false,
  imagenet: [
    row(0.65, 0.3, 4, 0.69, 0.6, 'water'),
    row(0.65, 0.3, 3, 0.68, 0.6, 'water'),
    row(0.65, 0.3, 2, 0.68, 0.5, 'water'),
    row(0.65, 0.3, 1, 0.65, 1.5, 'mud'),
    row(0.67, 0.4, 1, 0.65, 1.5, 'mud'),
  ],
  cifar: [
    row(0.62, 0.1, 0.7, 0.7, 0.5, 'water'),
    row(0.65, 0.1, 0.8, 0.7, 0.5, 'water'),
    row(0.65, 0.3, 1, 0.69, 0.5, 'water'),
    row(0.65, 0.1, 0.7, 0.69, 0.6, 'mud'),
    row(0.65, 0.1, 0.5, 0.68, 0.6, 'mud'),
  ],
  run(image, parameters, draws) {
    const liquid = liquidLayer(image.width, image.height, parameters, draws);
    return parameters.liquid === 'water'
      ? addWater(image, liquid, parameters.gain)
      : addMud(image, liquid, parameters.threshold, parameters.gain);
  },
});
