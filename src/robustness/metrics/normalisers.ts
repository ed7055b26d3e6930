import { readFileSync } from 'node:fs';
import { dataFile } from '../../data/classes.ts';

/** AlexNet's errors on ImageNet-C, fractions (data/imagenet/alexnet-imagenet-c.json names the sources). */
export interface CorruptionNormaliser {
  readonly clean_error: number;
  /** The 15 corruptions of mCE, in table order. */
  readonly benchmark: readonly string[];
  /** The 4 that never enter mCE. */
  readonly extra: readonly string[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Mean over the five severities. */
  readonly mean_error: Readonly<Record<string, number>>;
  readonly error_by_severity: Readonly<Record<string, readonly number[]>>;
}

/** AlexNet's flip probabilities on ImageNet-P and the frame counts of its clips. */
export interface PerturbationNormaliser {
  readonly benchmark: readonly string[];
  readonly validation: readonly string[];
  readonly flip_prob: Readonly<Record<string, number>>;
  /** AlexNet's mean top-5 distances; no published source was found, so mT5D stays empty until someone measures them. */
  readonly t5d: Readonly<Record<string, number>> | null;
  readonly frames: Readonly<Record<string, number>>;
  readonly reference_models: Readonly<
    Record<
      string,
      {
        readonly flip_prob: Readonly<Record<string, number>>;
        readonly t5d: Readonly<Record<string, number>>;
        readonly mFR_percent: number;
        readonly mean_t5d_unnormalised: number;
      }
    >
  >;
}

const files = new Map<string, unknown>();

function read(path: string): unknown {
  if (!files.has(path)) files.set(path, JSON.parse(readFileSync(dataFile(path), 'utf8')));
  return files.get(path);
}

export function alexnetImagenetC(): CorruptionNormaliser {
  return read('imagenet/alexnet-imagenet-c.json') as CorruptionNormaliser;
}

export function alexnetImagenetP(): PerturbationNormaliser {
  return read('imagenet/alexnet-imagenet-p.json') as PerturbationNormaliser;
}

/** Coarse classes of ImageNet-9: `map_1k_to_9[i]` is 0 … 8, or −1 for the 630 classes that belong to none. */
export interface Imagenet9Classes {
  readonly folders: readonly string[];
  readonly map_1k_to_9: readonly number[];
}

export function imagenet9Classes(): Imagenet9Classes {
  return read('imagenet/imagenet-9.json') as Imagenet9Classes;
}
