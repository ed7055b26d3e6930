import type { DropPath } from '../nn/drop-path.ts';
import type { ParameterSpec } from '../nn/parameters.ts';
import { Recording, type RecordingOptions } from '../nn/recording.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import { configure, type Fields } from './config.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { f32 } from '../ops/tensor.ts';

/** What every model can say about itself, whatever its family. */

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
}

/** What every configuration has. */
export interface CommonConfig {
  readonly classes: number;
  /** Channels of the image. */
  readonly channels: number;
}

/** Models of one architecture: how to record it and what its parts are called. */
export interface Family<C extends CommonConfig> {
  readonly name: string;
  /** Model name → its configuration. */
  readonly presets: Readonly<Record<string, C>>;
  readonly fields: Fields<C>;
  /** Throws `model/config` where options contradict each other. */
  check(config: C, name: string): void;
  /** Records the model on images x (n, channels, h, w); returns logits (n, classes). */
  record(r: Recording, x: Tensor, config: C): Tensor;
  blocks(config: C): readonly Block[];
  /** Depth group of a parameter for layer-wise learning-rate decay: 0 … `layers` − 1. */
  layerOf(name: string): number;
  readonly layers: number;
  preprocessing(config: C, size: number, name: string): Preprocessing;
}

export interface BuildOptions extends RecordingOptions {
  /** Images (n, channels, h, w), normalised. */
  readonly x: Tensor;
}

export interface Built {
  /** (n, classes) */
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
  readonly layers: number;
  layerOf(name: string): number;
  preprocessing(size: number): Preprocessing;
  /** Records the model outside of any scope. Blocks' and other modules' outputs are taps under their paths. */
  build(graph: Graph, options: BuildOptions): Built;
}

/** A family that hides the type of its configuration. */
export interface ModelFamily {
  readonly name: string;
  readonly presets: readonly string[];
  create(preset: string, overrides: Readonly<Record<string, unknown>>): Model;
}

export function defineFamily<C extends CommonConfig>(family: Family<C>): ModelFamily {
  return {
    name: family.name,
    presets: Object.keys(family.presets),
    create(name, overrides) {
      const preset = family.presets[name];
      if (preset === undefined)
        throw new FrameworkError('model/unknown', `${family.name} has no preset ${name}.`);
      const config = configure(name, family.fields, preset, overrides);
      family.check(config, name);
      return makeModel(family, name, config);
    },
  };
}

/** Pixels; parameters do not depend on it, recording only needs some size that every stem accepts. */
const DECLARING_SIZE = 224;

function makeModel<C extends CommonConfig>(family: Family<C>, name: string, config: C): Model {
  const blocks = family.blocks(config);
  const { layers } = family;
  const declare = (): ParameterSpec[] => {
    const graph = new Graph();
    const r = new Recording(graph, { training: false });
    family.record(r, graph.input('x', f32(1, config.channels, DECLARING_SIZE, DECLARING_SIZE)), config);
    return [...r.specs.values()];
  };
  return {
    name,
    family: family.name,
    config: config as C & Record<string, unknown>,
    parameters: declare(),
    blocks,
    layers,
    layerOf: (parameter) => family.layerOf(parameter),
    preprocessing: (size) => family.preprocessing(config, size, name),
    build(graph, { x, ...options }) {
      checkSkip(name, blocks, options.skip ?? new Set());
      const r = new Recording(graph, options);
      const logits = graph.tap('logits', family.record(r, x, config));
      return { logits, dropPaths: r.dropPaths };
    },
  };
}

function checkSkip(model: string, blocks: readonly Block[], skip: ReadonlySet<string>): void {
  const removable = blocks.filter((block) => block.removable).map((block) => block.name);
  for (const name of skip) {
    if (removable.includes(name)) continue;
    const near = nearest(name, removable);
    const known = blocks.some((block) => block.name === name);
    throw new FrameworkError(
      'model/skip',
      known
        ? `${model}: block ${name} changes the shape of its input and cannot be left out.`
        : `${model} has no block ${name}.`,
      { hint: near === undefined ? `Blocks: ${removable.join(', ')}.` : `The nearest block is ${near}.` },
    );
  }
}
