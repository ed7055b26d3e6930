import type { Image } from '../../data/image/image.ts';

/**
 * Where a corruption takes its random numbers from. `Rng` is one; the tests pass the portable generator with which the
 * reference pixels were made. A corruption asks in a fixed order: arrays row-major (y, x, channel).
 */
export interface Draws {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Uniform integer in [0, n). */
  int(n: number): number;
  /** Standard normal. */
  normal(): number;
}

export type Severity = 0 | 1 | 2 | 3 | 4 | 5;
export const SEVERITIES = [1, 2, 3, 4, 5] as const;

/** Whose parameter table: ImageNet-C's (224 px; scaled to other sizes) or CIFAR-10-C's (32 px). */
export type ParameterSet = 'imagenet' | 'cifar';

/** `bar`: the ten of ImageNet-C-bar. */
export type CorruptionGroup = 'noise' | 'blur' | 'weather' | 'digital' | 'extra' | 'bar';

/** One of the 19 corruptions of ImageNet-C (Hendrycks & Dietterich, ICLR 2019), or of the 10 of ImageNet-C-bar (Mintun et al., NeurIPS 2021). */
export interface Corruption {
  readonly name: string;
  /** `extra` are the four meant for tuning; they never enter mCE. */
  readonly group: CorruptionGroup;
  readonly benchmark: 'C';
  /** True if no random number is drawn. */
  readonly deterministic: boolean;
  /** The corrupted image, same size; severity 0 returns the image itself. `parameterSet` defaults by the image's size. */
  apply(image: Image, severity: Severity, draws: Draws, parameterSet?: ParameterSet): Promise<Image>;
}

export type Difficulty = 1 | 2 | 3;

export interface SequenceOptions {
  /** Side of the frames in pixels; the uncropped image's shorter side must reach it. */
  readonly size: number;
  readonly difficulty: Difficulty;
  readonly draws: Draws;
  readonly parameterSet: ParameterSet;
}

/** One of the 10 + 4 perturbations of ImageNet-P: a clip of small steps instead of five severities. */
export interface Perturbation {
  readonly name: string;
  /** `validation` are the four meant for tuning; they never enter mFR. */
  readonly group: 'benchmark' | 'validation';
  readonly benchmark: 'P';
  readonly deterministic: boolean;
  /** Noise clips compare every frame with the first; the others with the frame `difficulty` before. */
  readonly isNoise: boolean;
  frameCount(parameterSet: ParameterSet): number;
  /** The frames in order, (size, size) each, from the uncropped image. */
  frames(image: Image, options: SequenceOptions): Generator<Image>;
}

/** CIFAR-C's table below 64 px, ImageNet-C's from there on. */
export function parameterSetOf(image: { readonly width: number; readonly height: number }): ParameterSet {
  return Math.min(image.width, image.height) < 64 ? 'cifar' : 'imagenet';
}
