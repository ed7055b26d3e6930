import type { DropPath } from '../nn/drop-path.ts';
import type { ParameterSpec } from '../nn/parameters.ts';
import type { RecordingOptions } from '../nn/recording.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { FrameworkError } from '../util/errors.ts';
import type { CommonConfig } from './options.ts';

/** A model of any family: its options, parameters and blocks, and how to record it. */

/** How evaluation images are made; `resize`, `crop`, `squash`, `interpolation` are those of an EvalConfig. */
export interface Preprocessing {
  /** Length of the short side (of both with `squash`), or null to leave the image as it is. */
  readonly resize: number | null;
  readonly crop: number | null;
  readonly squash: boolean;
  readonly interpolation: 'bilinear' | 'bicubic';
  /** Name of the mean and standard deviation. */
  readonly normalization: string;
}

/** Short side to int(size / ratio), then the middle; `squash` resizes both sides to `size` instead. */
export function evaluationAt(
  size: number,
  {
    ratio = 0.875,
    interpolation = 'bicubic',
    normalization = 'imagenet',
    squash = false,
  }: {
    ratio?: number;
    interpolation?: 'bilinear' | 'bicubic';
    normalization?: string;
    squash?: boolean;
  } = {},
): Preprocessing {
  const resize = squash ? size : Math.floor(size / ratio);
  return { resize, crop: size, squash, interpolation, normalization };
}

/** A residual block. */
export interface Block {
  /** Its path, which is also the name of the tap of its output. */
  readonly name: string;
  readonly stage: number;
  /** False where input and output differ in shape, so that it cannot be left out. */
  readonly removable: boolean;
  /** The block that this one is half of, if the papers count two recorded blocks as one. */
  readonly whole?: string;
}

/** A change of a checkpoint's entry on its way into a model. */
export interface Adaptation {
  /** For people. */
  readonly note: string;
  readonly apply: (data: Float32Array) => Float32Array;
}

export interface BuildOptions extends RecordingOptions {
  /** Images (n, channels, h, w), normalised. */
  readonly x: Tensor;
}

export interface Built {
  /** (n, classes); of a model without a classifier its features (n, c). Also the tap `logits` or `features`. */
  readonly logits: Tensor;
  /** The graph's drop-path inputs, to be filled before each micro-batch; empty unless training. */
  readonly dropPaths: readonly DropPath[];
}

/** A family with its options settled. */
export interface Model {
  readonly name: string;
  readonly family: string;
  /** All options; `createModel(name, config)` gives the same model again. */
  readonly config: Readonly<CommonConfig & Record<string, unknown>>;
  /** Every entry of the state dict, in the order of recording. */
  readonly parameters: readonly ParameterSpec[];
  readonly blocks: readonly Block[];
  /** The module of the classifier, as `head`; null for a model that ends in features. */
  readonly head: string | null;
  /** Groups of layer-wise learning-rate decay. */
  readonly layers: number;
  /** The group of a parameter: 0 … `layers` − 1. */
  layerOf(name: string): number;
  /** Side of the images that it was published for; with `fixedSize` it takes no others. */
  readonly imageSize: number;
  readonly fixedSize: boolean;
  /** How a checkpoint's entry of shape `found` becomes the declared one; undefined where it cannot. */
  adapt(declared: Pick<ParameterSpec, 'name' | 'shape'>, found: readonly number[]): Adaptation | undefined;
  preprocessing(size: number): Preprocessing;
  /** Records the model outside of any scope. Blocks' and other modules' outputs are taps under their paths. */
  build(graph: Graph, options: BuildOptions): Built;
}

/** Throws `model/no-classifier` for a model that ends in features. */
export function requireClassifier({ name, head }: Pick<Model, 'name' | 'head'>): void {
  if (head === null)
    throw new FrameworkError(
      'model/no-classifier',
      `${name} has no classifier: it gives features, no logits.`,
      { hint: 'Read its tap `features`, or choose a model with a classifier.' },
    );
}
