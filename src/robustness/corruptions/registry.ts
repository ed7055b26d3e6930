import type { Image } from '../../data/image/image.ts';
import { FrameworkError, nearest } from '../../util/errors.ts';
import { Rng } from '../../util/rng.ts';
import { BAR_CORRUPTIONS } from './bar.ts';
import { defocusBlur, gaussianBlur, glassBlur, motionBlur, zoomBlur } from './blur.ts';
import { contrast, elasticTransform, jpegCompression, pixelate, saturate, throughJpeg } from './digital.ts';
import { gaussianNoise, impulseNoise, shotNoise, speckleNoise } from './noise.ts';
import { PERTURBATIONS } from './sequences.ts';
import { spatter } from './spatter.ts';
import type { Corruption, Difficulty, ParameterSet, Perturbation, Severity } from './types.ts';
import { parameterSetOf } from './types.ts';
import { brightness, fog, frost, snow } from './weather.ts';

/** The 15 benchmark corruptions in the order of the published tables, then the 4 extra ones. */
export const CORRUPTIONS: readonly Corruption[] = [
  gaussianNoise,
  shotNoise,
  impulseNoise,
  defocusBlur,
  glassBlur,
  motionBlur,
  zoomBlur,
  snow,
  frost,
  fog,
  brightness,
  contrast,
  elasticTransform,
  pixelate,
  jpegCompression,
  speckleNoise,
  gaussianBlur,
  spatter,
  saturate,
];

/** Of both benchmarks; no two have one name. */
export const ALL_CORRUPTIONS: readonly Corruption[] = [...CORRUPTIONS, ...BAR_CORRUPTIONS];

/** Changes whenever generated pixels change; part of every result made from generated images. */
export const GENERATOR_VERSION = 1;

/** The corruption of that name. Throws `corruption/unknown` with the nearest name. */
export function findCorruption(name: string): Corruption {
  return find(ALL_CORRUPTIONS, name, 'corruption');
}

/** The perturbation sequence of that name. Throws `corruption/unknown` with the nearest name. */
export function findPerturbation(name: string): Perturbation {
  return find(PERTURBATIONS, name, 'perturbation');
}

function find<T extends { readonly name: string }>(records: readonly T[], name: string, kind: string): T {
  const found = records.find((record) => record.name === name);
  if (found) return found;
  const names = records.map((record) => record.name);
  const near = nearest(name, names);
  throw new FrameworkError('corruption/unknown', `there is no ${kind} named "${name}"`, {
    hint: near === undefined ? `known: ${names.join(', ')}` : `did you mean ${near}?`,
  });
}

export interface CorruptOptions {
  readonly seed: number;
  /** Number of the image in its data set: the same image gets the same noise whatever the order or batch size. */
  readonly imageNumber: number;
  readonly parameterSet?: ParameterSet;
  /** Encode and decode at quality 85 afterwards, as the files of the ImageNet-C release are stored. */
  readonly jpeg85?: boolean;
}

/**
 * The image corrupted as number `imageNumber` of a data set.
 *
 * @example await corrupt(image, 'fog', 3, { seed: 0, imageNumber: 17 })
 */
export async function corrupt(
  image: Image,
  name: string,
  severity: Severity,
  options: CorruptOptions,
): Promise<Image> {
  const draws = new Rng(options.seed, `${name}/${severity}`, options.imageNumber);
  const corrupted = await findCorruption(name).apply(image, severity, draws, options.parameterSet);
  return options.jpeg85 && severity > 0 ? throughJpeg(corrupted, 85) : corrupted;
}

export interface PerturbOptions {
  readonly seed: number;
  readonly imageNumber: number;
  /** Side of the frames; by default the image's shorter side. */
  readonly size?: number;
  readonly difficulty?: Difficulty;
  readonly parameterSet?: ParameterSet;
}

/** The clip of a perturbation from an uncropped image. */
export function perturb(image: Image, name: string, options: PerturbOptions): Generator<Image> {
  const { seed, imageNumber, size = Math.min(image.width, image.height), difficulty = 1 } = options;
  const draws = new Rng(seed, `perturbation/${name}/${difficulty}`, imageNumber);
  const parameterSet = options.parameterSet ?? parameterSetOf({ width: size, height: size });
  return findPerturbation(name).frames(image, { size, difficulty, draws, parameterSet });
}
