import type { Normalization } from '../../data/normalization.ts';
import type { EvalConfig } from '../../data/transform.ts';
import { checkFinite } from '../../models/inference.ts';
import { FrameworkError } from '../../util/errors.ts';

/** A model, as benchmarks need it: anything that turns normalised images into logits can be evaluated. */
export interface Classifier {
  readonly name: string;
  /** Says which weights these are, e.g. the checkpoint's hash; an evaluation is never resumed with other ones. */
  readonly fingerprint: string;
  /** Whose weights: a run's or its averaged ones, or a file's (the default). */
  readonly weights?: 'raw' | 'ema' | 'file';
  /** Trained numbers, where they are known. */
  readonly parameters?: number;
  /** `imagenet1k`: 1000 logits in sorted-wnid order; a number: that many logits of some other class list. */
  readonly classes: number | 'imagenet1k';
  readonly preprocessing: Normalization & {
    /** Side of the input in pixels. */
    readonly imageSize: number;
    readonly evalConfig: EvalConfig;
  };
  /** @param batch (n, 3, imageSize, imageSize), valid until the promise settles; @returns (n, classes) */
  logits(batch: Float32Array, n: number): Promise<Float32Array>;
  /** In place of `logits`, where what is done depends on the image: an attack. */
  examine?(batch: Float32Array, images: readonly ExaminedImage[]): Promise<Examined>;
}

/** What a classifier that examines images is told of each. */
export interface ExaminedImage {
  readonly label: number;
  /** Keys its random draws: its place in the data set. */
  readonly number: number;
}

export interface Examined {
  /** (n, classes) */
  readonly logits: Float32Array;
  /** Numbers of each image: `sums` are added up, of `maxima` the largest is kept. */
  readonly notes: readonly ImageNotes[];
}

export interface ImageNotes {
  readonly sums: Readonly<Record<string, number>>;
  readonly maxima: Readonly<Record<string, number>>;
}

export function classCount(classifier: Pick<Classifier, 'classes'>): number {
  return classifier.classes === 'imagenet1k' ? 1000 : classifier.classes;
}

/** Throws `evaluate/logits` unless `logits` is (n, classes), `checkpoint/non-finite` unless all are finite. */
export function checkLogits(logits: Float32Array, n: number, classifier: Classifier): void {
  const classes = classCount(classifier);
  const expected = n * classes;
  if (logits.length !== expected)
    throw new FrameworkError(
      'evaluate/logits',
      `${classifier.name} gave ${logits.length} logits for ${n} images of ${classes} classes, ${expected} are due`,
      { hint: 'the model has another number of classes than it says' },
    );
  checkFinite(logits, classes, classifier.name);
}

/** Throws `evaluate/classes` unless labels of `found` classes can be compared with the model's predictions. */
export function checkClasses(classifier: Classifier, found: number, where: string): void {
  const count = classCount(classifier);
  if (found === count) return;
  throw new FrameworkError(
    'evaluate/classes',
    `${classifier.name} has ${count} classes, but ${where} has ${found}`,
    { hint: 'evaluate on images of the classes the model was trained on' },
  );
}
