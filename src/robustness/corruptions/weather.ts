import type { Image } from '../../data/image/image.ts';
import { defineCorruption } from './define.ts';
import { frostTexture, FROST_CHOICES } from './lib/frost-textures.ts';
import { changeHsv } from './lib/hsv.ts';
import { motionBlur } from './lib/motion.ts';
import { clip, fromUnit, toBytes, toUnit } from './lib/pixels.ts';
import { plasma } from './lib/plasma.ts';
import { clippedZoom } from './lib/zoom.ts';
import type { Draws, ParameterSet } from './types.ts';

export interface SnowLayer {
  readonly loc: number;
  readonly scale: number;
  readonly zoom: number;
  readonly threshold: number;
}

/** Flakes as bytes (height, width): thresholded, zoomed normal noise, not yet in motion. */
export function snowLayer(width: number, height: number, layer: SnowLayer, draws: Draws): Uint8Array {
  const noise = new Float64Array(width * height);
  for (let i = 0; i < noise.length; i++) noise[i] = layer.loc + layer.scale * draws.normal();
  const zoomed = clippedZoom(noise, width, height, 1, layer.zoom);
  return toBytes(zoomed, (v) => 255 * (v < layer.threshold ? 0 : clip(v)));
}

/** Whitens the image by `mix`, then adds the moving flakes and their copy turned by 180°. */
export function addSnow(image: Image, flakes: Uint8Array, mix: number): Image {
  const { data: source } = image;
  const x = new Float64Array(source.length);
  const { fround } = Math;
  const unit = (i: number): number => fround((source[i] as number) / 255);
  const last = flakes.length - 1;
  for (let i = 0, at = 0; i < flakes.length; i++, at += 3) {
    const [r, g, b] = [unit(at), unit(at + 1), unit(at + 2)];
    const grey = fround(fround(0.299) * r + fround(0.587) * g + fround(0.114) * b);
    const white = fround(fround(grey * 1.5) + 0.5);
    const snow = (flakes[i] as number) / 255;
    const turned = (flakes[last - i] as number) / 255;
    for (let c = 0; c < 3; c++) {
      const value = unit(at + c);
      const whitened = fround(fround(1 - mix) * Math.max(value, white));
      x[at + c] = fround(fround(fround(mix) * value) + whitened) + snow + turned;
    }
  }
  return fromUnit(image, x);
}

interface Snow extends SnowLayer {
  readonly radius: number;
  readonly sigma: number;
  readonly mix: number;
}

function runSnow(image: Image, parameters: Snow, draws: Draws): Image {
  const { width, height } = image;
  const { radius, sigma, mix } = parameters;
  const still = snowLayer(width, height, parameters, draws);
  return addSnow(image, motionBlur(still, width, height, 1, radius, sigma, draws.between(-135, -45)), mix);
}

function snowRow(
  loc: number,
  scale: number,
  zoom: number,
  threshold: number,
  radius: number,
  sigma: number,
  mix: number,
): Snow {
  return { loc, scale, zoom, threshold, radius, sigma, mix };
}

export const snow = defineCorruption({
  name: 'snow',
  group: 'weather',
  deterministic: false,
  imagenet: [
    snowRow(0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    snowRow(0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    snowRow(0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    snowRow(0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    snowRow(0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
  ],
  cifar: [
    snowRow(0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    snowRow(0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    snowRow(0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    snowRow(0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    snowRow(0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
  ],
  run: runSnow,
});

interface Frost {
  /** Weights of the image and of the ice. */
  readonly image: number;
  readonly ice: number;
}

async function runFrost(
  image: Image,
  weights: Frost,
  draws: Draws,
  parameterSet: ParameterSet,
): Promise<Image> {
  const { width, height } = image;
  const texture = await frostTexture(draws.int(FROST_CHOICES), parameterSet, width, height);
  const row = draws.int(texture.height - height);
  const column = draws.int(texture.width - width);
  const data = new Uint8Array(image.data.length);
  for (let y = 0, to = 0; y < height; y++) {
    let from = ((row + y) * texture.width + column) * 3;
    for (let x = 0; x < 3 * width; x++, to++, from++) {
      const value = weights.image * (image.data[to] as number) + weights.ice * (texture.data[from] as number);
      data[to] = Math.floor(Math.min(value, 255));
    }
  }
  return { width, height, data };
}

export const frost = defineCorruption<Frost>({
  name: 'frost',
  group: 'weather',
  deterministic: false,
  imagenet: [
    { image: 1, ice: 0.4 },
    { image: 0.8, ice: 0.6 },
    { image: 0.7, ice: 0.7 },
    { image: 0.65, ice: 0.7 },
    { image: 0.6, ice: 0.75 },
  ],
  cifar: [
    { image: 1, ice: 0.2 },
    { image: 1, ice: 0.3 },
    { image: 0.9, ice: 0.4 },
    { image: 0.85, ice: 0.4 },
    { image: 0.75, ice: 0.45 },
  ],
  run: runFrost,
});

interface Fog {
  readonly amplitude: number;
  readonly decay: number;
}

function runFog(image: Image, { amplitude, decay }: Fog, draws: Draws): Image {
  const { width, height } = image;
  const side = 2 ** Math.ceil(Math.log2(Math.max(width, height)));
  const map = plasma(side, decay, draws);
  const x = toUnit(image.data);
  const max = x.reduce((most, value) => Math.max(most, value), 0);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const haze = amplitude * (map[row * side + column] as number);
      for (let c = 0; c < 3; c++, at++) x[at] = (((x[at] as number) + haze) * max) / (max + amplitude);
    }
  }
  return fromUnit(image, x);
}

export const fog = defineCorruption<Fog>({
  name: 'fog',
  group: 'weather',
  deterministic: false,
  imagenet: [
    { amplitude: 1.5, decay: 2 },
    { amplitude: 2, decay: 2 },
    { amplitude: 2.5, decay: 1.7 },
    { amplitude: 2.5, decay: 1.5 },
    { amplitude: 3, decay: 1.4 },
  ],
  cifar: [
    { amplitude: 0.2, decay: 3 },
    { amplitude: 0.5, decay: 3 },
    { amplitude: 0.75, decay: 2.5 },
    { amplitude: 1, decay: 2 },
    { amplitude: 1.5, decay: 1.75 },
  ],
  run: runFog,
});

/** V := clip(V + offset) in HSV. */
export function brighten(image: Image, offset: number): Image {
  return changeHsv(image, { saturation: 1, saturationOffset: 0, valueOffset: offset });
}

export const brightness = defineCorruption({
  name: 'brightness',
  group: 'weather',
  deterministic: true,
  imagenet: [0.1, 0.2, 0.3, 0.4, 0.5],
  cifar: [0.05, 0.1, 0.15, 0.2, 0.3],
  run: brighten,
});
