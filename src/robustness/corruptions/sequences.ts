import { centerCrop } from '../../data/image/crop.ts';
import type { Image } from '../../data/image/image.ts';
import { blurGaussian, blurMotion } from './blur.ts';
import { motionBlur } from './lib/motion.ts';
import { replicate } from './lib/pixels.ts';
import { affinePillow } from './lib/pillow-affine.ts';
import { tilt } from './lib/perspective.ts';
import { addGaussian, addShot, addSpeckle } from './noise.ts';
import { addWater, liquidLayer } from './spatter.ts';
import type { ParameterSet, Perturbation, SequenceOptions } from './types.ts';
import { addSnow, brighten, snowLayer } from './weather.ts';

/** Parameters of the two published generators, make_imagenet_p.py and make_cifar_p.py of hendrycks/robustness. */
type PerSet<T> = Readonly<Record<ParameterSet, T>>;

interface Definition {
  readonly name: string;
  readonly group?: Perturbation['group'];
  readonly deterministic?: boolean;
  readonly isNoise?: boolean;
  readonly frameCount?: PerSet<number>;
  frames(image: Image, options: SequenceOptions, count: number): Generator<Image>;
}

function define(definition: Definition): Perturbation {
  const { name, group = 'benchmark', deterministic = true, isNoise = false } = definition;
  const frameCount = (parameterSet: ParameterSet): number => definition.frameCount?.[parameterSet] ?? 31;
  return {
    name,
    group,
    benchmark: 'P',
    deterministic,
    isNoise,
    frameCount,
    frames: (image, options) => definition.frames(image, options, frameCount(options.parameterSet)),
  };
}

/** A sequence whose frames do not depend on each other. */
function perFrame(frame: (image: Image, i: number, options: SequenceOptions) => Image): Definition['frames'] {
  return function* (image, options, count) {
    for (let i = 0; i < count; i++) yield frame(image, i, options);
  };
}

/** The clean crop, then independent noise of the strength that belongs to the difficulty. */
function noise(
  name: string,
  strengths: PerSet<readonly [number, number, number]>,
  add: (image: Image, strength: number, draws: SequenceOptions['draws']) => Image,
  group: Perturbation['group'] = 'benchmark',
): Perturbation {
  return define({
    name,
    group,
    isNoise: true,
    deterministic: false,
    frames: perFrame((image, i, { size, parameterSet, difficulty, draws }) => {
      const clean = centerCrop(image, size);
      return i === 0 ? clean : add(clean, strengths[parameterSet][difficulty - 1] as number, draws);
    }),
  });
}

/** The running mean of ever larger views, in single precision. */
function* zoomBlurFrames(image: Image, { size }: SequenceOptions, count: number): Generator<Image> {
  const sum = new Float32Array(size * size * 3);
  for (let i = 0; i < count; i++) {
    const view = i === 0 ? image : affinePillow(image, { scale: 1 + 0.004 * i }, 'bilinear');
    const { data } = centerCrop(view, size);
    const mean = new Uint8Array(sum.length);
    for (let j = 0; j < sum.length; j++) {
      sum[j] = (sum[j] as number) + Math.fround((data[j] as number) / 255);
      mean[j] = Math.floor(Math.fround(Math.fround((sum[j] as number) / (i + 1)) * 255));
    }
    yield { width: size, height: size, data: mean };
  }
}

const SNOW: PerSet<{ zoom: number; radius: number; sigma: number }> = {
  imagenet: { zoom: 3, radius: 14, sigma: 4 },
  cifar: { zoom: 2, radius: 10, sigma: 2 },
};

/** The same flakes in every frame, their direction turning by 4° a frame. */
function* snowFrames(image: Image, options: SequenceOptions, count: number): Generator<Image> {
  const { size, parameterSet, draws } = options;
  const { zoom, radius, sigma } = SNOW[parameterSet];
  const clean = centerCrop(image, size);
  const still = snowLayer(size, size, { loc: 0.05, scale: 0.3, zoom, threshold: 0.5 }, draws);
  for (let i = 0; i < count; i++)
    yield addSnow(clean, motionBlur(still, size, size, 1, radius, sigma, 4 * i - 150), 0.85);
}

const SPATTER = {
  imagenet: { layer: { loc: 0.65, scale: 0.27, sigma: 3.7, threshold: 0.69 }, drift: [0.05, 0.1, 0.15, 0.7] },
  cifar: { layer: { loc: 0.6, scale: 0.265, sigma: 1.75, threshold: 0.7 }, drift: [0.2, 0.8] },
} as const;

/** One layer of drops that runs down the image, a little each frame. */
function* spatterFrames(image: Image, options: SequenceOptions, count: number): Generator<Image> {
  const { size, parameterSet, draws } = options;
  const { layer, drift } = SPATTER[parameterSet];
  const clean = centerCrop(image, size);
  let liquid = liquidLayer(size, size, layer, draws);
  for (let i = 0; i < count; i++) {
    yield addWater(clean, liquid, 0.6);
    liquid = runDown(liquid, size, drift);
  }
}

/** NumPy's convolve(column, drift, 'same') of every column: the last weight belongs to the sample furthest above. */
function runDown(liquid: Float64Array, size: number, drift: readonly number[]): Float64Array {
  const ahead = Math.floor((drift.length - 1) / 2);
  const out = new Float64Array(liquid.length);
  for (let y = 0; y < size; y++) {
    for (const [tap, weight] of drift.entries()) {
      const from = y + ahead - tap;
      if (from !== replicate(from, size)) continue;
      for (let x = 0; x < size; x++)
        out[y * size + x] = (out[y * size + x] as number) + weight * (liquid[from * size + x] as number);
    }
  }
  return out;
}

/** The sequences, benchmark first, in the order of the published tables. */
export const PERTURBATIONS: readonly Perturbation[] = [
  noise('gaussian_noise', { imagenet: [0.03, 0.05, 0.08], cifar: [0.02, 0.04, 0.06] }, addGaussian),
  noise('shot_noise', { imagenet: [300, 120, 60], cifar: [700, 400, 200] }, addShot),
  define({
    name: 'motion_blur',
    frameCount: { imagenet: 31, cifar: 21 },
    frames: perFrame((image, i, { size, parameterSet }) => {
      const clean = centerCrop(image, size);
      return parameterSet === 'imagenet'
        ? blurMotion(clean, 10, 3, 4 * (i - 30))
        : blurMotion(clean, 6, 1.8, 9 * (i - 20));
    }),
  }),
  define({ name: 'zoom_blur', frames: zoomBlurFrames }),
  define({ name: 'snow', deterministic: false, frames: snowFrames }),
  define({
    name: 'brightness',
    frames: perFrame((image, i, { size, parameterSet }) =>
      brighten(centerCrop(image, size), (i - 15) * (parameterSet === 'imagenet' ? 0.02 : 0.015)),
    ),
  }),
  define({
    name: 'translate',
    frameCount: { imagenet: 41, cifar: 16 },
    frames: perFrame((image, i, { size, parameterSet }) => {
      const translateX = i - (parameterSet === 'imagenet' ? 20 : 7);
      return centerCrop(affinePillow(image, { translateX }, 'nearest'), size);
    }),
  }),
  define({
    name: 'rotate',
    frames: perFrame((image, i, { size }) =>
      centerCrop(affinePillow(image, { angle: i - 15 }, 'bilinear'), size),
    ),
  }),
  define({
    name: 'tilt',
    frames: perFrame((image, i, { size, parameterSet }) =>
      centerCrop(tilt(image, (parameterSet === 'imagenet' ? 1 : 0.75) * (i - 15)), size),
    ),
  }),
  define({
    name: 'scale',
    frames: perFrame((image, i, { size, parameterSet }) => {
      const scale = (parameterSet === 'imagenet' ? 2.5 * i + 40 : 2 * i + 70) / 100;
      return centerCrop(affinePillow(image, { scale }, 'bilinear'), size);
    }),
  }),
  noise('speckle_noise', { imagenet: [0.05, 0.1, 0.15], cifar: [0.05, 0.07, 0.1] }, addSpeckle, 'validation'),
  define({
    name: 'gaussian_blur',
    group: 'validation',
    frames: perFrame((image, i, { size, parameterSet }) => {
      const clean = centerCrop(image, size);
      return parameterSet === 'imagenet'
        ? blurGaussian(clean, 0.25 + 0.035 * i, 6)
        : blurGaussian(clean, 0.3 + 0.015 * i, 7);
    }),
  }),
  define({ name: 'spatter', group: 'validation', deterministic: false, frames: spatterFrames }),
  define({
    name: 'shear',
    group: 'validation',
    frames: perFrame((image, i, { size }) =>
      centerCrop(affinePillow(image, { shear: i - 15 }, 'bilinear'), size),
    ),
  }),
];
