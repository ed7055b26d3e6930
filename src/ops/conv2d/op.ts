import { FrameworkError } from '../../util/errors.ts';
import { type Cost, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, expectShape, f32, like, shapeError, showShape } from '../tensor.ts';
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
  if (ho < 1 || wo < 1)
    throw new FrameworkError(
      'model/image-size',
      `${op}: ${shapes} with padding ${showShape(padding)} leave no output.`,
      {
        hint: 'The images are too small for the model: take larger ones (data.imageSize), a smaller stem or fewer stages.',
      },
    );
  return { n, ci, h, w, co, cg, kh, kw, sh, sw, ph, pw, groups, ho, wo };
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

function convCost(s: ConvShape, bytes: number): Cost {
  const channels = s.n * s.co * s.cg;
  return {
    macs: channels * s.ho * s.wo * s.kh * s.kw,
    liveMacs: channels * liveTaps(s.h, s.kh, s.sh, s.ph, s.ho) * liveTaps(s.w, s.kw, s.sw, s.pw, s.wo),
    bytes,
  };
}

interface ForwardSpecs {
  readonly x: TensorSpec;
  readonly weight: TensorSpec;
  readonly bias?: TensorSpec | undefined;
}

export function forwardShape({ x, weight, bias }: ForwardSpecs, attrs: ConvAttrs): ConvShape {
  const s = convShape('conv2d', x.shape, weight.shape, attrs);
  if (bias) expectShape('conv2d', 'bias', bias, [s.co]);
  return s;
}

/**
 * Two-dimensional convolution (cross-correlation, zero padding, dilation 1), as torch.nn.functional.conv2d.
 * x (n, ci, h, w), weight (co, ci/groups, kh, kw), bias (co), y (n, co, ho, wo).
 * Output channel o reads the input channels of group ⌊o / (co/groups)⌋.
 * @example graph.one(conv2d, { x, weight, bias }, { stride: [4, 4], padding: [0, 0], groups: 1 })
 */
export const conv2d: Op<ConvAttrs, 'x' | 'weight' | 'bias?', 'y'> = {
  name: 'conv2d',
  inputs: ['x', 'weight', 'bias?'],
  outputs: ['y'],
  examples: [
    {
      inputs: { x: f32(2, 3, 13, 9), weight: f32(5, 3, 3, 3), bias: f32(5) },
      attrs: { stride: [2, 2], padding: [1, 1], groups: 1 },
    },
    {
      inputs: { x: f32(2, 3, 7, 9), weight: f32(6, 1, 5, 5) },
      attrs: { stride: [2, 2], padding: [2, 2], groups: 3 },
    },
  ],
  infer: (inputs, attrs) => {
    const { n, co, ho, wo } = forwardShape(inputs, attrs);
    return { y: like(inputs.x, n, co, ho, wo) };
  },
  cost: (inputs, outputs, attrs) => convCost(forwardShape(inputs, attrs), memoryCost(inputs, outputs).bytes),
  reference: ({ x, weight, bias }, specs, attrs) => ({
    y: conv2dReference(forwardShape(specs, attrs), x, weight, bias),
  }),
  gradient(graph, { inputs: { x, weight, bias }, attrs: { stride, padding, groups } }, { y: dy }, needs) {
    if (dy === undefined) return {};
    const [, , h = 0, w = 0] = x.spec.shape;
    const [, , kh = 0, kw = 0] = weight.spec.shape;
    const attrs = { stride, padding, groups };
    const dx = needs.has('x') ? graph.one(conv2dGradInput, { dy, weight }, { ...attrs, h, w }) : undefined;
    if (!needs.has('weight') && !needs.has('bias')) return { x: dx };
    const taps = { ...attrs, kh, kw, bias: bias !== undefined };
    const { dweight, dbias } = graph.apply(conv2dGradWeight, { x, dy }, taps);
    return { x: dx, weight: dweight, bias: dbias };
  },
};

export interface ConvGradInputAttrs extends ConvAttrs {
  /** Size of the input's map. With strides above 1 it does not follow from the output's size. */
  readonly h: number;
  readonly w: number;
}

type Specs<N extends string> = Readonly<Record<N, TensorSpec>>;

export function gradInputShape({ dy, weight }: Specs<'dy' | 'weight'>, attrs: ConvGradInputAttrs): ConvShape {
  const op = 'conv2d-grad-input';
  const [n = 0] = dy.shape;
  const s = convShape(op, [n, (weight.shape[1] ?? 0) * attrs.groups, attrs.h, attrs.w], weight.shape, attrs);
  expectShape(op, 'dy', dy, [n, s.co, s.ho, s.wo]);
  return s;
}

/** Gradient of conv2d for its input: dx (n, ci, h, w) of dy (n, co, ho, wo). */
export const conv2dGradInput: Op<ConvGradInputAttrs, 'dy' | 'weight', 'dx'> = {
  name: 'conv2d-grad-input',
  inputs: ['dy', 'weight'],
  outputs: ['dx'],
  examples: [
    {
      inputs: { dy: f32(2, 5, 7, 5), weight: f32(5, 3, 3, 3) },
      attrs: { stride: [2, 2], padding: [1, 1], groups: 1, h: 14, w: 9 },
    },
  ],
  infer: (inputs, attrs) => {
    const { n, ci, h, w } = gradInputShape(inputs, attrs);
    return { dx: like(inputs.dy, n, ci, h, w) };
  },
  cost: (inputs, outputs, attrs) =>
    convCost(gradInputShape(inputs, attrs), memoryCost(inputs, outputs).bytes),
  reference: ({ dy, weight }, specs, attrs) => ({
    dx: conv2dGradInputReference(gradInputShape(specs, attrs), dy, weight),
  }),
};

export interface ConvGradWeightAttrs extends ConvAttrs {
  readonly kh: number;
  readonly kw: number;
  /** Also sum dy into a bias gradient. */
  readonly bias: boolean;
}

export function gradWeightShape({ x, dy }: Specs<'x' | 'dy'>, attrs: ConvGradWeightAttrs): ConvShape {
  const op = 'conv2d-grad-weight';
  const [, ci = 0] = x.shape;
  const [, co = 0] = dy.shape;
  const s = convShape(op, x.shape, [co, ci / attrs.groups, attrs.kh, attrs.kw], attrs);
  expectShape(op, 'dy', dy, [s.n, co, s.ho, s.wo]);
  return s;
}

/**
 * Gradient of conv2d for its weight and bias. x (n, ci, h, w), dy (n, co, ho, wo), dweight (co, ci/groups, kh, kw) and, with `bias`,
 * dbias (co).
 */
export const conv2dGradWeight: Op<ConvGradWeightAttrs, 'x' | 'dy', 'dweight' | 'dbias?'> = {
  name: 'conv2d-grad-weight',
  inputs: ['x', 'dy'],
  outputs: ['dweight', 'dbias?'],
  examples: [
    {
      inputs: { x: f32(2, 3, 14, 9), dy: f32(2, 5, 7, 5) },
      attrs: { stride: [2, 2], padding: [1, 1], groups: 1, kh: 3, kw: 3, bias: true },
    },
  ],
  accumulates: ['dweight', 'dbias'],
  infer: (inputs, attrs) => {
    const { co, cg, kh, kw } = gradWeightShape(inputs, attrs);
    return { dweight: f32(co, cg, kh, kw), dbias: attrs.bias ? f32(co) : undefined };
  },
  cost: (inputs, outputs, attrs) =>
    convCost(gradWeightShape(inputs, attrs), memoryCost(inputs, outputs).bytes),
  reference: ({ x, dy }, specs, attrs) => {
    const { dweight, dbias } = conv2dGradWeightReference(gradWeightShape(specs, attrs), x, dy);
    return { dweight, dbias: attrs.bias ? dbias : undefined };
  },
};
