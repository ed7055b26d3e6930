import type { Ranks } from '../../../mpi/ranks.ts';
import type { SummaryOptions } from '../../scoring/scoring.ts';
import type { Classifier } from '../../classifier/classifier.ts';
import type { Crew } from '../crew/crew.ts';
import type { Part, Problem } from '../images/parts.ts';
import type { Selection } from '../images/selection.ts';
import type { Maker } from './store.ts';
import type { Benchmark } from '../benchmark.ts';
import type { WorkUnit } from './units.ts';

export interface EvaluateOptions {
  readonly benchmark: Benchmark;
  readonly classifier: Classifier;
  readonly parts: readonly Part[];
  /** Problems found while locating and opening, e.g. missing parts. */
  readonly problems?: readonly Problem[];
  /** All settings of an analysis, in words. Its parts are the points of its curves, all of the same files. */
  readonly settings?: string;
  /** The classifier of a part, where parts differ in the model; `done` frees it. Default: `classifier`. */
  readonly classifierOf?: (part: string) => Promise<{ classifier: Classifier; done: () => void }>;
  /** Where the images come from: `release`, or the words of a generator. */
  readonly origin: string;
  /** The images are files of the benchmark, not made of others; default: where that is their origin. */
  readonly isRelease?: boolean;
  /** Preprocessing in words, where it is not that of the parts. */
  readonly framing?: string | undefined;
  /** Print AlexNet-normalised aggregates (the default), or why they would mean nothing. */
  readonly normalised?: SummaryOptions['normalised'];
  /** Folder of this evaluation: results unit by unit, then `result.json`. */
  readonly folder: string;
  readonly batchSize: number;
  /** Threads that decode and corrupt; without them this process does. */
  readonly crew?: Crew | undefined;
  /** The processes that evaluate together: all call with the same options, and have the same result. */
  readonly ranks?: Ranks | undefined;
  /** The name of the result; default: the benchmark's. Generated data of other classes have another. */
  readonly name?: string;
  readonly selection?: Selection;
  /** ImageNet-P; default 1. */
  readonly difficulty?: 1 | 2 | 3;
  /** Clean top-1 error as a fraction, for relative mCE on a release, or why it is not known. */
  readonly clean?: SummaryOptions['clean'];
  /** Versions and adapter, stored beside the numbers. */
  readonly maker?: Maker;
  /** Smaller work units than about 5,000 images. */
  readonly imagesPerUnit?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly unit: string;
  readonly imagesDone: number;
  readonly imagesTotal: number;
  /** How many of those done were finished in an earlier run. */
  readonly imagesResumed: number;
  readonly failures: number;
}

/** Told of images that went through. */
export type Report = (unit: WorkUnit, images: number, failures: number, resumed?: boolean) => void;
