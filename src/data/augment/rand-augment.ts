import { FrameworkError } from '../../util/errors.ts';
import type { Rng } from '../../util/rng.ts';
import type { Image } from '../image/image.ts';
import { affine, rotation, shearX, shearY, translateX, translateY } from './affine.ts';
import type { AffineMatrix, Colour, WarpFilter } from './affine.ts';
import { gaussianBlur } from './gaussian-blur.ts';
import * as ops from './pillow-ops.ts';

/**
 * RandAugment (Cubuk et al. 2020) in timm's dialect (huggingface/pytorch-image-models timm/data/auto_augment.py)
 * and DeiT III's three-augment. Drawing and applying are separate: a draw is a list of operations with their final arguments.
 */
export const RAND_AUGMENT_OPS = [
  'AutoContrast',
  'Equalize',
  'Invert',
  'Rotate',
  'Posterize',
  'Solarize',
  'SolarizeAdd',
  'Color',
  'Contrast',
  'Brightness',
  'Sharpness',
  'ShearX',
  'ShearY',
  'TranslateXRel',
  'TranslateYRel',
] as const;
export type RandAugmentOp = (typeof RAND_AUGMENT_OPS)[number];

/** timm's only set of choice weights, `w0`: mostly geometry. With weights, operations are chosen without replacement. */
const WEIGHTS_0: Record<RandAugmentOp, number> = {
  AutoContrast: 0.025,
  Equalize: 0.005,
  Invert: 0,
  Rotate: 0.3,
  Posterize: 0,
  Solarize: 0.005,
  SolarizeAdd: 0.005,
  Color: 0.025,
  Contrast: 0.005,
  Brightness: 0.005,
  Sharpness: 0.025,
  ShearX: 0.2,
  ShearY: 0.2,
  TranslateXRel: 0.1,
  TranslateYRel: 0.1,
};

export interface RandAugmentConfig {
  /** `m`: mean magnitude, 10 is the strongest defined. */
  readonly magnitude: number;
  /** `n`: operations chosen for an image; each is then executed with probability ½. */
  readonly layers: number;
  /** `mstd`: standard deviation of the magnitude; Infinity (mstd > 100) draws it uniformly in [0, m]. */
  readonly magnitudeStd: number;
  /** `mmax`: upper bound of a drawn magnitude. */
  readonly magnitudeMax: number;
  /** `inc1`: the variants of Posterize, Solarize and the enhancers whose effect grows with the magnitude. */
  readonly increasing: boolean;
  /** `w0`: choose with timm's weights instead of uniformly. */
  readonly weighted: boolean;
}

const MAX_LEVEL = 10;

/**
 * Parses timm's grammar: `rand` and parts `m<int>`, `n<int>`, `w0`, `mstd<float>`, `mmax<float>`, `inc<0|1>` in any order.
 * Throws `augment/config` for anything else.
 *
 * @example parseRandAugment('rand-m9-mstd0.5-inc1')
 */
export function parseRandAugment(text: string): RandAugmentConfig {
  const [head, ...parts] = text.split('-');
  if (head !== 'rand') throw badPart(text, head ?? '');
  const values: Record<string, number> = {};
  for (const part of parts) {
    const match = /^(m|n|w|mstd|mmax|inc)(\d+(?:\.\d+)?)$/.exec(part);
    const [, key = '', digits = ''] = match ?? [];
    const isWhole = !digits.includes('.');
    if (!match || (['m', 'n', 'w', 'inc'].includes(key) && !isWhole) || (key === 'w' && Number(digits) !== 0))
      throw badPart(text, part);
    values[key] = Number(digits);
  }
  const { m = MAX_LEVEL, n = 2, w, mstd = 0, mmax = MAX_LEVEL, inc = 0 } = values;
  return {
    magnitude: m,
    layers: n,
    magnitudeStd: mstd > 100 ? Infinity : mstd,
    magnitudeMax: mmax,
    increasing: inc !== 0,
    weighted: w !== undefined,
  };
}

function badPart(text: string, part: string): FrameworkError {
  return new FrameworkError('augment/config', `auto-augment "${text}" has the unknown part "${part}"`, {
    hint: 'write e.g. "rand-m9-mstd0.5-inc1" (parts m, n, w0, mstd, mmax, inc) or "3a"',
  });
}

/** An operation with its final argument: degrees, bits, level, factor, shear, or translation as a fraction of the side. */
export type AugmentStep =
  | { readonly op: RandAugmentOp; readonly argument: number }
  | { readonly op: 'Desaturate' | 'GaussianBlur'; readonly argument: number };

/** The operations that will be executed on one image, in order (none, for a quarter of the images at n = 2). */
export function drawRandAugment(config: RandAugmentConfig, rng: Rng): AugmentStep[] {
  const chosen = config.weighted
    ? chooseWeighted(config.layers, rng)
    : Array.from({ length: config.layers }, () => RAND_AUGMENT_OPS[rng.int(RAND_AUGMENT_OPS.length)]);
  const steps: AugmentStep[] = [];
  for (const op of chosen) {
    if (op === undefined || rng.chance(0.5)) continue;
    const magnitude = drawMagnitude(config, rng);
    const sign = rng.chance(0.5) ? -1 : 1;
    steps.push({ op, argument: stepArgument(op, magnitude, sign, config.increasing) });
  }
  return steps;
}

function drawMagnitude({ magnitude, magnitudeStd, magnitudeMax }: RandAugmentConfig, rng: Rng): number {
  let m = magnitude;
  if (magnitudeStd === Infinity) m = rng.between(0, magnitude);
  else if (magnitudeStd > 0) m = magnitude + magnitudeStd * rng.normal();
  return Math.max(0, Math.min(m, magnitudeMax));
}

function chooseWeighted(count: number, rng: Rng): RandAugmentOp[] {
  const left = new Map(RAND_AUGMENT_OPS.map((op) => [op, WEIGHTS_0[op]]));
  const chosen: RandAugmentOp[] = [];
  while (chosen.length < count) {
    let total = 0;
    for (const weight of left.values()) total += weight;
    if (total <= 0) break;
    let point = rng.uniform() * total;
    for (const [op, weight] of left) {
      point -= weight;
      if (point >= 0) continue;
      chosen.push(op);
      left.delete(op);
      break;
    }
  }
  return chosen;
}

/** The argument of `op` at magnitude `m` (0 … 10, more with mmax); `sign` ±1 is used by the signed operations. */
export function stepArgument(op: RandAugmentOp, m: number, sign: 1 | -1, increasing: boolean): number {
  const level = m / MAX_LEVEL;
  switch (op) {
    case 'AutoContrast':
    case 'Equalize':
    case 'Invert':
      return 0;
    case 'Rotate':
      return sign * level * 30;
    case 'Posterize': {
      const bits = Math.trunc(level * 4);
      return Math.max(0, increasing ? 4 - bits : bits);
    }
    case 'Solarize': {
      const threshold = Math.min(256, Math.trunc(level * 256));
      return increasing ? 256 - threshold : threshold;
    }
    case 'SolarizeAdd':
      return Math.min(128, Math.trunc(level * 110));
    case 'Color':
    case 'Contrast':
    case 'Brightness':
    case 'Sharpness':
      return increasing ? Math.max(0.1, 1 + sign * level * 0.9) : level * 1.8 + 0.1;
    case 'ShearX':
    case 'ShearY':
      return sign * level * 0.3;
    case 'TranslateXRel':
    case 'TranslateYRel':
      return sign * level * 0.45;
  }
}

/** What the geometric operations use outside the image and between pixels. */
export interface WarpConfig {
  readonly filter: WarpFilter;
  readonly fill: Colour;
}

export function applyAugment(steps: readonly AugmentStep[], image: Image, warp: WarpConfig): Image {
  return steps.reduce((current, step) => applyStep(step, current, warp), image);
}

function applyStep({ op, argument }: AugmentStep, image: Image, { filter, fill }: WarpConfig): Image {
  const warped = (matrix: AffineMatrix): Image => affine(image, matrix, filter, fill);
  switch (op) {
    case 'AutoContrast':
      return ops.autocontrast(image);
    case 'Equalize':
      return ops.equalize(image);
    case 'Invert':
      return ops.invert(image);
    case 'Rotate':
      return warped(rotation(argument, image.width, image.height));
    case 'Posterize':
      return ops.posterize(image, argument);
    case 'Solarize':
      return ops.solarize(image, argument);
    case 'SolarizeAdd':
      return ops.solarizeAdd(image, argument);
    case 'Color':
    case 'Desaturate':
      return ops.color(image, argument);
    case 'Contrast':
      return ops.contrast(image, argument);
    case 'Brightness':
      return ops.brightness(image, argument);
    case 'Sharpness':
      return ops.sharpness(image, argument);
    case 'ShearX':
      return warped(shearX(argument));
    case 'ShearY':
      return warped(shearY(argument));
    case 'TranslateXRel':
      return warped(translateX(argument * image.width));
    case 'TranslateYRel':
      return warped(translateY(argument * image.height));
    case 'GaussianBlur':
      return gaussianBlur(image, argument);
  }
}

/** DeiT III's three-augment (timm `3a`): one of solarize at 128, grey, Gaussian blur with σ ~ U(0.1, 2). */
export function drawThreeAugment(rng: Rng): AugmentStep[] {
  switch (rng.int(3)) {
    case 0:
      return [{ op: 'Solarize', argument: 128 }];
    case 1:
      return [{ op: 'Desaturate', argument: 0 }];
    default:
      return [{ op: 'GaussianBlur', argument: rng.between(0.1, 2) }];
  }
}
