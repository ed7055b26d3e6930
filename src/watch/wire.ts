/** What the page is sent: plain data, known to both sides. */
import type { EvaluationLook, KernelsLook, TrainingLook } from '../training/look/looks.ts';

export type SeriesName = 'loss' | 'lr' | 'gradNorm' | 'imagesPerSecond';

/** Means of buckets, and their least and largest values where a bucket holds several; null where none is a number. */
export interface Buckets {
  readonly y: (number | null)[];
  readonly low?: (number | null)[];
  readonly high?: (number | null)[];
}

/** Points of a run from the one with index `from` on. */
export interface Points {
  readonly from: number;
  /** Steps of a bucket: a power of two, so that the buckets of several runs end at the same steps. */
  readonly stride: number;
  /** The last step of each bucket. */
  readonly x: number[];
  readonly series: Readonly<Record<SeriesName, Buckets>>;
}

/** What the files of `looks/` hold, as far as they are there. */
export interface Looks {
  readonly training?: TrainingLook;
  readonly kernels?: KernelsLook;
  readonly evaluations: readonly EvaluationLook[];
}

/** The state of a run in words. */
export type RunState = 'waiting' | 'training' | 'stopped' | 'finished' | 'interrupted' | 'max-steps';

/** A run without its curves. Times are ms since 1970. */
export interface RunHead {
  readonly id: number;
  readonly name: string;
  readonly path: string;
  readonly state: RunState;
  readonly step: number;
  /** Unknown until the first batch, and in runs of earlier versions. */
  readonly steps: number | null;
  readonly stepsPerEpoch: number | null;
  readonly epochs: number | null;
  readonly loss: number | null;
  readonly lr: number | null;
  readonly gradNorm: number | null;
  readonly imagesPerSecond: number | null;
  readonly secondsLeft: number | null;
  readonly changed: number | null;
  readonly checkpoint: { readonly step: number; readonly at: number } | null;
  readonly evaluations: readonly {
    readonly step: number;
    readonly weights: 'raw' | 'ema';
    readonly top1: number;
    readonly top5: number;
    readonly loss: number;
    readonly count: number;
    readonly skipped: number;
  }[];
  /** Name and value. */
  readonly facts: readonly (readonly [string, string])[];
  readonly notes: readonly string[];
  readonly looksVersion: number;
}

export interface RunView extends RunHead {
  readonly points: Points;
  /** Only in a page that stands alone. */
  readonly looks?: Looks;
}

/** All that the page shows. */
export interface Snapshot {
  /** ms since 1970. */
  readonly at: number;
  readonly version: string;
  readonly runs: readonly RunView[];
}

/** What changed of a run: its head, and its curves from some point on. */
export type RunChange = RunHead & { readonly points: Points };
