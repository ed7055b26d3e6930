import type { DatasetSpec } from '../../../data/dataset.ts';
import type { Classifier } from '../../classifier/classifier.ts';
import type { Difficulty, Severity } from '../../corruptions/types.ts';
import type { SummaryOptions } from '../../scoring/scoring.ts';
import type { Benchmark } from '../benchmark.ts';
import type { Part, Problem } from './parts.ts';
import type { Selection } from './selection.ts';

/** Folders of images that a model knows the classes of, and of others. */
export interface DetectionFolders {
  /** Default: the validation images, or the model's own. */
  readonly known: string | undefined;
  readonly near: string | undefined;
  readonly far: string | undefined;
}

/** Labelled images of the model's own classes, for clean accuracy and for generated benchmarks. */
export interface OwnImages {
  readonly spec: DatasetSpec;
  /** For people and tables: `CIFAR-10`; the name of a folder. ImageNet is recognised by its files, whatever the title. */
  readonly title: string;
}

/** Selection of benchmarks, and the place of their images. */
export interface ImageOptions {
  readonly classifier: Classifier;
  /** Folder of the releases as downloaded. */
  readonly dataRoot: string | undefined;
  readonly own: OwnImages | undefined;
  /** Make C and P from the validation images, whether or not the releases are there. */
  readonly generate: boolean;
  readonly seed: number;
  /** Corruptions and perturbations; default all. */
  readonly names: readonly string[] | undefined;
  readonly severities: readonly Severity[] | undefined;
  readonly difficulty: Difficulty;
  /** Compress generated C as the release does; the default for images of 224 px. */
  readonly jpeg85: boolean | undefined;
  readonly selection: Selection;
  /** Folders for the detection of unknown images. */
  readonly detection?: DetectionFolders | undefined;
  /** Side of the images of C, 9 and Stylized that are not the release's 224 px. */
  readonly stored?: number | undefined;
}

/** A benchmark with its images found and listed. */
export interface Prepared {
  readonly benchmark: Benchmark;
  /** The name of the result. */
  readonly name: string;
  readonly parts: readonly Part[];
  readonly problems: readonly Problem[];
  readonly origin: string;
  readonly normalised: SummaryOptions['normalised'];
  readonly framing?: string;
  readonly isRelease: boolean;
  readonly selection: Selection;
  close(): Promise<void>;
}

/** Why a benchmark is not evaluated. */
export interface Absent {
  /** `not applicable`: it says nothing about this model; `left out`: its images are not there, or none could be evaluated. */
  readonly kind: 'not applicable' | 'left out';
  readonly benchmark: Benchmark;
  readonly reason: string;
}
