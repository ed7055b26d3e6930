import { createModel } from '../../src/models/registry.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { Rng } from '../../src/util/rng.ts';
import { STAGES } from '../../src/bench/op-shapes.ts';
import { elems } from '../../src/ops/tensor.ts';

/** What is timed. Everything is float32; maps are one image; a case with gradients runs forward and backward. */
export type Case =
  AddCase | DepthwiseCase | LinearCase | LayerNormCase | SoftmaxCase | AttentionCase | StepCase;

/** y (rows, cols) = x + weight: of one element, what a dispatch and the wait for it take; of many, what memory gives. */
export interface AddCase {
  readonly op: 'add';
  readonly rows: number;
  readonly cols: number;
  readonly gradients: false;
}

/** y = depthwise convolution of x (1, channels, size, size) with weight (channels, 1, kernel, kernel), same padding. */
export interface DepthwiseCase {
  readonly op: 'depthwise';
  readonly size: number;
  readonly channels: number;
  readonly kernel: number;
  readonly gradients: boolean;
}

/** y (rows, to) = x (rows, from) weightᵀ, weight (to, from). */
export interface LinearCase {
  readonly op: 'linear';
  readonly rows: number;
  readonly from: number;
  readonly to: number;
  readonly gradients: boolean;
}

/** y (rows, cols) = normalised rows of x, times weight (cols), plus bias (cols); ε = 1e-6. */
export interface LayerNormCase {
  readonly op: 'layer-norm';
  readonly rows: number;
  readonly cols: number;
  readonly gradients: boolean;
}

/** y (rows, cols): softmax of each row of x. */
export interface SoftmaxCase {
  readonly op: 'softmax';
  readonly rows: number;
  readonly cols: number;
  readonly gradients: boolean;
}

/** y (tokens, heads · size) = softmax(q kᵀ / √size) v of each head of x, which is qkv (tokens, 3 · heads · size): [q | k | v][head][size]. */
export interface AttentionCase extends AttentionShape {
  readonly op: 'attention';
  readonly gradients: boolean;
}

export interface AttentionShape {
  readonly tokens: number;
  readonly heads: number;
  /** Width of a head. */
  readonly size: number;
}

/** One step of a model with AdamW: forward, backward, update. Images are given to the device anew for each step. */
export type StepCase = ConvNextStep | VitStep;

interface AnyStep {
  readonly op: 'step';
  readonly batch: number;
  readonly size: number;
  readonly classes: number;
}

export interface ConvNextStep extends AnyStep {
  readonly model: 'convnext-t';
  readonly kernel: number;
}

/** DeiT-S, which is ViT-S with patches of 16 pixels. */
export interface VitStep extends AnyStep {
  readonly model: 'deit-s16';
}

/** Of DeiT-S. */
export const VIT = { patch: 16, dim: 384, depth: 12, heads: 6 } as const;

export const MODELS = ['convnext-t', 'deit-s16'] as const;

export const EPS = 1e-6;

/** AdamW of a step, without decay so that libraries which only have Adam do the same. */
export const ADAM = { lr: 1e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8 } as const;

/** Steps whose losses are compared, and then what they changed: the second loss shows the first update. */
export const CHECKED_STEPS = 2;

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

export function labelOf(c: Case): string {
  if (c.op === 'step')
    return `step ${c.model}${c.model === 'convnext-t' ? ` k=${c.kernel}` : ''} ${c.size}px batch=${c.batch}`;
  const pass = c.gradients ? 'forward+backward' : 'forward';
  if (c.op === 'depthwise') return `depthwise ${c.size}x${c.size}x${c.channels} k=${c.kernel} ${pass}`;
  if (c.op === 'linear') return `linear ${c.rows}x${c.from}-${c.to} ${pass}`;
  if (c.op === 'attention') return `attention ${c.tokens}x${c.heads}x${c.size} ${pass}`;
  return `${c.op} ${c.rows}x${c.cols} ${pass}`;
}

/** Tensors that every peer is given. */
export function inputsOf(c: Case): readonly Tensor[] {
  switch (c.op) {
    case 'add':
      return ['x', 'weight', 'dy'].map((name) => ({ name, shape: [c.rows, c.cols] }));
    case 'depthwise': {
      const map = [1, c.channels, c.size, c.size];
      return [
        { name: 'x', shape: map },
        { name: 'weight', shape: [c.channels, 1, c.kernel, c.kernel] },
        { name: 'dy', shape: map },
      ];
    }
    case 'linear':
      return [
        { name: 'x', shape: [c.rows, c.from] },
        { name: 'weight', shape: [c.to, c.from] },
        { name: 'dy', shape: [c.rows, c.to] },
      ];
    case 'layer-norm':
      return [
        { name: 'x', shape: [c.rows, c.cols] },
        { name: 'weight', shape: [c.cols] },
        { name: 'bias', shape: [c.cols] },
        { name: 'dy', shape: [c.rows, c.cols] },
      ];
    case 'softmax':
      return ['x', 'dy'].map((name) => ({ name, shape: [c.rows, c.cols] }));
    case 'attention':
      return [
        { name: 'x', shape: [c.tokens, 3 * c.heads * c.size] },
        { name: 'dy', shape: [c.tokens, c.heads * c.size] },
      ];
    case 'step':
      return [
        { name: 'x', shape: [c.batch, 3, c.size, c.size] },
        { name: 'targets', shape: [c.batch, c.classes] },
        ...stepParameters(c),
      ];
  }
}

/** Parameters of a step's model, by PyTorch's names. */
export function stepParameters(c: StepCase): Tensor[] {
  const options =
    c.model === 'convnext-t'
      ? { kernels: [c.kernel, c.kernel, c.kernel, c.kernel], layerScaleInit: 1 }
      : { imageSize: c.size };
  const { parameters } = createModel(c.model, { classes: c.classes, ...options });
  return parameters.map(({ name, shape }) => ({ name, shape }));
}

/** Parameters whose change is compared. Vectors are not: AdamW moves one whose gradient is zero, as that of a key's bias, by rounding. */
export function matricesOf(c: StepCase): Tensor[] {
  return stepParameters(c).filter(({ shape }) => shape.length > 1);
}

/** What every peer hands back, in the layout of the inputs. */
export function outputsOf(c: Case): readonly string[] {
  if (c.op === 'step') return ['losses', 'change'];
  if (!c.gradients) return ['y'];
  if (c.op === 'softmax' || c.op === 'attention') return ['y', 'dx'];
  return c.op === 'layer-norm' ? ['y', 'dx', 'dweight', 'dbias'] : ['y', 'dx', 'dweight'];
}

/** The same numbers for every peer, standard normal unless a model needs others. */
export function dataOf(c: Case, { name, shape }: Tensor): Float32Array {
  const rng = new Rng(0, `peers/${name}`);
  const count = elems(shape);
  if (c.op === 'step') {
    if (name === 'targets')
      return Float32Array.from({ length: count }, (_, i) => Number(i % c.classes === 1));
    // A layer scale of 1e-6 would hide whatever the blocks do from the loss.
    if (name.endsWith('gamma')) return new Float32Array(count).fill(0.1);
    if (name.endsWith('bias')) return new Float32Array(count);
    if (shape.length === 1) return new Float32Array(count).fill(1);
    if (name !== 'x') return Float32Array.from({ length: count }, () => 0.02 * rng.normal());
  }
  return Float32Array.from({ length: count }, () => rng.normal());
}

/** What of the cases is wanted; undefined: all. */
export interface Wanted {
  readonly sets?: readonly string[] | undefined;
  readonly sizes?: readonly number[] | undefined;
  readonly kernels?: readonly number[] | undefined;
  readonly models?: readonly string[] | undefined;
}

export const SETS = ['add', 'depthwise', 'linear', 'layer-norm', 'softmax', 'attention', 'step'] as const;

const STEP = { op: 'step', batch: 1, size: 224, classes: 1000 } as const;

const ALL: readonly Case[] = [
  ...[
    [1, 1],
    [4096, 1024],
  ].map(([rows = 1, cols = 1]) => ({ op: 'add', rows, cols, gradients: false }) as const),
  ...STAGES.flatMap(([size, channels]) =>
    [7, 13, 31, 51].flatMap((kernel) =>
      [false, true].map((gradients) => ({ op: 'depthwise', size, channels, kernel, gradients }) as const),
    ),
  ),
  ...[
    [384, 1536],
    [1536, 384],
  ].flatMap(([from = 0, to = 0]) =>
    [false, true].map((gradients) => ({ op: 'linear', rows: 784, from, to, gradients }) as const),
  ),
  ...[false, true].map((gradients) => ({ op: 'layer-norm', rows: 12544, cols: 96, gradients }) as const),
  ...[false, true].map((gradients) => ({ op: 'softmax', rows: 2364, cols: 197, gradients }) as const),
  // ViT-B at 224 and at 384 pixels, DINO S/8 at 224.
  ...[
    [197, 12],
    [577, 12],
    [785, 6],
  ].flatMap(([tokens = 0, heads = 0]) =>
    [false, true].map((gradients) => ({ op: 'attention', tokens, heads, size: 64, gradients }) as const),
  ),
  ...[7, 31].map((kernel) => ({ ...STEP, model: 'convnext-t', kernel }) as const),
  { ...STEP, model: 'deit-s16' },
];

/** @throws FrameworkError `cli/option` where nothing is left */
export function chooseCases({ sets, sizes, kernels, models }: Wanted): Case[] {
  const chosen = ALL.filter(
    (c) =>
      (sets?.includes(c.op) ?? c.op !== 'step') &&
      (c.op !== 'depthwise' || (sizes?.includes(c.size) ?? true)) &&
      (c.op !== 'step' || (models?.includes(c.model) ?? true)) &&
      (!('kernel' in c) || (kernels?.includes(c.kernel) ?? true)),
  );
  if (chosen.length === 0)
    throw new FrameworkError('cli/option', 'The options leave no case to time.', {
      hint: `--set takes ${SETS.join(', ')}; --sizes 56,28,14,7; --kernels 7,13,31,51; --models ${MODELS.join(',')}.`,
    });
  return chosen;
}
