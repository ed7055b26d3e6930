import { defined } from '../../util/errors.ts';
import type { Tensor } from '../tensor.ts';
import { type Application, type Cost, type Op, type Recorder, memoryCost } from '../op.ts';
import { type TensorSpec, f32, like, shapeError, showShape } from '../tensor.ts';
import {
  type ConvShape,
  conv2dGradInputReference,
  conv2dGradWeightReference,
  conv2dReference,
} from './reference.ts';

export interface ConvAttrs {
  /** Rows, columns. */
  readonly stride: readonly [number, number];
  /** Zeros on each side: top and bottom, left and right. */
  readonly padding: readonly [number, number];
  readonly groups: number;
}

/** Checks a convolution's sizes and computes those of its output. */
function convShape(
  op: string,
  x: readonly number[],
  weight: readonly number[],
  { stride, padding, groups }: ConvAttrs,
): ConvShape {
  const [n = 0, ci = 0, h = 0, w = 0] = x;
  const [co = 0, cg = 0, kh = 0, kw = 0] = weight;
  const [[sh, sw], [ph, pw]] = [stride, padding];
  const shapes = `x ${showShape(x)} and weight ${showShape(weight)}`;
  if (x.length !== 4 || weight.length !== 4) throw shapeError(op, `takes maps and kernels, got ${shapes}`);
  if (cg * groups !== ci || co % groups !== 0)
    throw shapeError(
      op,
      `${shapes} do not fit ${groups} groups: expected weight (co, ${ci / groups}, kh, kw)`,
    );
  if (sh < 1 || sw < 1 || ph < 0 || pw < 0)
    throw shapeError(op, `stride ${showShape(stride)} and padding ${showShape(padding)} are not allowed`);
  const ho = Math.floor((h + 2 * ph - kh) / sh) + 1;
  const wo = Math.floor((w + 2 * pw - kw) / sw) + 1;
  if (ho < 1 || wo < 1) throw shapeError(op, `${shapes} with padding ${showShape(padding)} leave no output`);
  return { n, ci, h, w, co, cg, kh, kw, sh, sw, ph, pw, groups, ho, wo };
}

function expectShape(op: string, what: string, spec: TensorSpec | undefined, shape: readonly number[]): void {
  if (spec === undefined || showShape(spec.shape) !== showShape(shape))
    throw shapeError(op, `${what} is ${showShape(spec?.shape ?? [])}, expected ${showShape(shape)}`);
}

/** Taps of one dimension that meet data, summed over the outputs. */
function liveTaps(size: number, k: number, stride: number, pad: number, out: number): number {
  let live = 0;
  for (let o = 0; o < out; o++) {
    const first = o * stride - pad;
    live += Math.max(0, Math.min(size, first + k) - Math.max(0, first));
  }
  return live;
}

function convCost(s: ConvShape, inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): Cost {
  const channels = s.n * s.co * s.cg;
  return {
    macs: channels * s.ho * s.wo * s.kh * s.kw,
    liveMacs: channels * liveTaps(s.h, s.kh, s.sh, s.ph, s.ho) * liveTaps(s.w, s.kw, s.sw, s.pw, s.wo),
    bytes: memoryCost(inputs, outputs).bytes,
  };
}

export function forwardShape([x, weight, bias]: readonly TensorSpec[], attrs: ConvAttrs): ConvShape {
  const s = convShape('conv2d', x?.shape ?? [], weight?.shape ?? [], attrs);
  if (bias !== undefined) expectShape('conv2d', 'bias', bias, [s.co]);
  return s;
}

/**
 * Two-dimensional convolution (cross-correlation, zero padding, dilation 1), as torch.nn.functional.conv2d.
 * Inputs: x (n, ci, h, w), weight (co, ci/groups, kh, kw), optionally bias (co). Output: y (n, co, ho, wo).
 * Output channel o reads the input channels of group ⌊o / (co/groups)⌋.
 * @example graph.one(conv2d, [x, weight, bias], { stride: [4, 4], padding: [0, 0], groups: 1 })
 */
export const conv2d: Op<ConvAttrs> = {
  name: 'conv2d',
  examples: [
    {
      inputs: [f32(2, 3, 13, 9), f32(5, 3, 3, 3), f32(5)],
      attrs: { stride: [2, 2], padding: [1, 1], groups: 1 },
    },
    {
      inputs: [f32(2, 3, 7, 9), f32(6, 1, 5, 5)],
      attrs: { stride: [2, 2], padding: [2, 2], groups: 3 },
    },
  ],
  infer: (inputs, attrs) => {
    const { n, co, ho, wo } = forwardShape(inputs, attrs);
    return [like(inputs[0], n, co, ho, wo)];
  },
  cost: (inputs, outputs, attrs) => convCost(forwardShape(inputs, attrs), inputs, outputs),
  reference: ([x, weight, bias], specs, attrs) => [
    conv2dReference(forwardShape(specs, attrs), x as Float64Array, weight as Float64Array, bias),
  ],
  gradient: conv2dGradient,
};

function conv2dGradient(
  graph: Recorder,
  node: Application<ConvAttrs>,
  [dy]: readonly (Tensor | undefined)[],
  needs: readonly boolean[],
): readonly (Tensor | undefined)[] {
  const [x, weight, bias] = node.inputs;
  if (dy === undefined || x === undefined || weight === undefined) return [];
  const { stride, padding, groups } = node.attrs;
  const [, , h = 0, w = 0] = x.spec.shape;
  const [, , kh = 0, kw = 0] = weight.spec.shape;
  const dx =
    needs[0] === true
      ? graph.one(conv2dGradInput, [dy, weight], { stride, padding, groups, h, w })
      : undefined;
  if (needs[1] !== true && needs[2] !== true) return [dx];
  const attrs = { stride, padding, groups, kh, kw, bias: bias !== undefined };
  return [dx, ...graph.apply(conv2dGradWeight, [x, dy], attrs)];
}

export interface ConvGradInputAttrs extends ConvAttrs {
  /** Size of the input's map, which the output's size alone does not tell for strides above 1. */
  readonly h: number;
  readonly w: number;
}

export function gradInputShape([dy, weight]: readonly TensorSpec[], attrs: ConvGradInputAttrs): ConvShape {
  const op = 'conv2d-grad-input';
  const [n = 0] = dy?.shape ?? [];
  const kernel = weight?.shape ?? [];
  const s = convShape(op, [n, (kernel[1] ?? 0) * attrs.groups, attrs.h, attrs.w], kernel, attrs);
  expectShape(op, 'dy', dy, [n, s.co, s.ho, s.wo]);
  return s;
}

/** Gradient of conv2d for its input. Inputs: dy (n, co, ho, wo), weight. Output: dx (n, ci, h, w). */
export const conv2dGradInput: Op<ConvGradInputAttrs> = {
  name: 'conv2d-grad-input',
  examples: [
    {
      inputs: [f32(2, 5, 7, 5), f32(5, 3, 3, 3)],
      attrs: { stride: [2, 2], padding: [1, 1], groups: 1, h: 14, w: 9 },
    },
  ],
  infer: (inputs, attrs) => {
    const { n, ci, h, w } = gradInputShape(inputs, attrs);
    return [like(inputs[0], n, ci, h, w)];
  },
  cost: (inputs, outputs, attrs) => convCost(gradInputShape(inputs, attrs), inputs, outputs),
  reference: ([dy, weight], specs, attrs) => [
    conv2dGradInputReference(gradInputShape(specs, attrs), dy as Float64Array, weight as Float64Array),
  ],
};

export interface ConvGradWeightAttrs extends ConvAttrs {
  readonly kh: number;
  readonly kw: number;
  /** Also sum dy into a bias gradient. */
  readonly bias: boolean;
}

export function gradWeightShape([x, dy]: readonly TensorSpec[], attrs: ConvGradWeightAttrs): ConvShape {
  const op = 'conv2d-grad-weight';
  const [, ci = 0] = x?.shape ?? [];
  const [, co = 0] = dy?.shape ?? [];
  const s = convShape(op, x?.shape ?? [], [co, ci / attrs.groups, attrs.kh, attrs.kw], attrs);
  expectShape(op, 'dy', dy, [s.n, co, s.ho, s.wo]);
  return s;
}

/**
 * Gradient of conv2d for its weight and bias. Inputs: x (n, ci, h, w), dy (n, co, ho, wo).
 * Outputs: dweight (co, ci/groups, kh, kw) and, with `bias`, dbias (co).
 */
export const conv2dGradWeight: Op<ConvGradWeightAttrs> = {
  name: 'conv2d-grad-weight',
  examples: [
    {
      inputs: [f32(2, 3, 14, 9), f32(2, 5, 7, 5)],
      attrs: { stride: [2, 2], padding: [1, 1], groups: 1, kh: 3, kw: 3, bias: true },
    },
  ],
  accumulates: [0, 1],
  infer: (inputs, attrs) => {
    const { co, cg, kh, kw } = gradWeightShape(inputs, attrs);
    return attrs.bias ? [f32(co, cg, kh, kw), f32(co)] : [f32(co, cg, kh, kw)];
  },
  cost: (inputs, outputs, attrs) => convCost(gradWeightShape(inputs, attrs), inputs, outputs),
  reference: ([x, dy], specs, attrs) => {
    const s = gradWeightShape(specs, attrs);
    const [dweight, dbias] = conv2dGradWeightReference(s, x as Float64Array, defined(dy, 'dy'));
    return attrs.bias ? [dweight, dbias] : [dweight];
  },
};
