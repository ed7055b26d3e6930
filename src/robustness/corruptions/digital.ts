import { decodeImage } from '../../data/image/decode.ts';
import { encodeJpeg } from '../../data/image/encode.ts';
import type { Image } from '../../data/image/image.ts';
import { resize } from '../../data/image/resize.ts';
import { defineCorruption } from './define.ts';
import { gaussianSmooth } from './lib/gaussian.ts';
import { changeHsv } from './lib/hsv.ts';
import { clip, fromUnit, reflectEdge, toBytes, toUnit, toUnitFloat } from './lib/pixels.ts';
import { affineFromPoints, displace, invertAffine, warpAffine } from './lib/warp.ts';
import type { Draws } from './types.ts';

/** Encoded and decoded once at `quality`, chroma at half resolution. */
export async function throughJpeg(image: Image, quality: number): Promise<Image> {
  return decodeImage(await encodeJpeg(image, quality), `a JPEG of quality ${quality}`);
}

function reduceContrast(image: Image, factor: number): Image {
  const x = toUnit(image.data);
  const means = [0, 0, 0];
  for (let i = 0; i < x.length; i++) means[i % 3] = (means[i % 3] as number) + (x[i] as number);
  for (let c = 0; c < 3; c++) means[c] = (means[c] as number) / (x.length / 3);
  for (let i = 0; i < x.length; i++) {
    const mean = means[i % 3] as number;
    x[i] = ((x[i] as number) - mean) * factor + mean;
  }
  return fromUnit(image, x);
}

export const contrast = defineCorruption({
  name: 'contrast',
  group: 'digital',
  deterministic: true,
  imagenet: [0.4, 0.3, 0.2, 0.1, 0.05],
  cifar: [0.75, 0.5, 0.4, 0.3, 0.15],
  run: reduceContrast,
});

/** All three as fractions of the image's side. */
interface Elastic {
  readonly alpha: number;
  readonly sigma: number;
  readonly jitter: number;
}

/** A random affine map of three points, then a smooth random displacement of every pixel. */
function stretch(image: Image, { alpha, sigma, jitter }: Elastic, draws: Draws): Image {
  const { width, height } = image;
  const side = Math.min(width, height);
  const x = toUnitFloat(image.data);
  const [cx, cy, arm] = [Math.floor(width / 2), Math.floor(height / 2), Math.floor(side / 3)];
  const p = [
    [cx + arm, cy + arm],
    [cx + arm, cy - arm],
    [cx - arm, cy - arm],
  ] as const;
  const moved = (value: number): number =>
    Math.fround(value + Math.fround(draws.between(-jitter * side, jitter * side)));
  const q = p.map(([px, py]) => [moved(px), moved(py)] as const);
  const warped = warpAffine(x, width, height, invertAffine(affineFromPoints(p, q)));
  const field = (): Float32Array => {
    const noise = new Float64Array(width * height);
    for (let i = 0; i < noise.length; i++) noise[i] = draws.between(-1, 1);
    const smooth = gaussianSmooth(noise, width, height, 1, sigma * side, 3, reflectEdge);
    return new Float32Array(smooth.map((value) => value * alpha * side));
  };
  const dx = field();
  const dy = field();
  const out = displace(warped, width, height, dx, dy);
  const data = toBytes(out, (value) => Math.fround(255 * clip(value)));
  return { width, height, data };
}

function elasticRow(alpha: number, sigma: number, jitter: number): Elastic {
  return { alpha, sigma, jitter };
}

export const elasticTransform = defineCorruption({
  name: 'elastic_transform',
  group: 'digital',
  deterministic: false,
  // The reference writes these as multiples of 244 px for images of 224.
  imagenet: [
    elasticRow(488 / 224, 170.8 / 224, 24.4 / 224),
    elasticRow(488 / 224, 19.52 / 224, 48.8 / 224),
    elasticRow(12.2 / 224, 2.44 / 224, 4.88 / 224),
    elasticRow(17.08 / 224, 2.44 / 224, 4.88 / 224),
    elasticRow(29.28 / 224, 2.44 / 224, 4.88 / 224),
  ],
  cifar: [
    elasticRow(0, 0, 0.08),
    elasticRow(0.05, 0.2, 0.07),
    elasticRow(0.08, 0.06, 0.06),
    elasticRow(0.1, 0.04, 0.05),
    elasticRow(0.1, 0.03, 0.03),
  ],
  run: stretch,
});

export const pixelate = defineCorruption({
  name: 'pixelate',
  group: 'digital',
  deterministic: true,
  imagenet: [0.6, 0.5, 0.4, 0.3, 0.25],
  cifar: [0.95, 0.9, 0.85, 0.75, 0.65],
  run: (image, factor) => {
    const small = resize(image, Math.floor(image.width * factor), Math.floor(image.height * factor), 'box');
    return resize(small, image.width, image.height, 'box');
  },
});

export const jpegCompression = defineCorruption({
  name: 'jpeg_compression',
  group: 'digital',
  deterministic: true,
  imagenet: [25, 18, 15, 10, 7],
  cifar: [80, 65, 58, 50, 40],
  run: throughJpeg,
});

export const saturate = defineCorruption({
  name: 'saturate',
  group: 'extra',
  deterministic: true,
  imagenet: [
    { scale: 0.3, offset: 0 },
    { scale: 0.1, offset: 0 },
    { scale: 2, offset: 0 },
    { scale: 5, offset: 0.1 },
    { scale: 20, offset: 0.2 },
  ],
  cifar: [
    { scale: 0.3, offset: 0 },
    { scale: 0.1, offset: 0 },
    { scale: 1.5, offset: 0 },
    { scale: 2, offset: 0.1 },
    { scale: 2.5, offset: 0.2 },
  ],
  run: (image, { scale, offset }) =>
    changeHsv(image, { saturation: scale, saturationOffset: offset, valueOffset: 0 }),
});
