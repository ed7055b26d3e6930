import { type Cost, type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, expectShape, f32, shapeError, showShape } from '../tensor.ts';
import {
  type DepthwiseSizes,
  depthwiseGradInputReference,
  depthwiseGradWeightReference,
  depthwiseReference,
} from './reference.ts';

export interface DepthwiseGradWeightAttrs {
  /** Rows and columns of the kernel. */
  readonly kh: number;
  readonly kw: number;
  /** Also return the gradient of the bias. */
  readonly bias: boolean;
}

type Specs<N extends string> = Readonly<Record<N, TensorSpec>>;

/**
 * Depthwise convolution, stride 1, zero padding that keeps the size (torch.nn.functional.conv2d with groups = c).
 * x and y (n, c, h, w), weight (c, 1, kh, kw) with odd kh and kw, bias (c).
 * @example graph.one(depthwise, { x, weight, bias }, {})
 */
export const depthwise: Op<None, 'x' | 'weight' | 'bias?', 'y'> = {
  name: 'depthwise',
  inputs: ['x', 'weight', 'bias?'],
  outputs: ['y'],
  examples: [
    { inputs: { x: f32(2, 3, 9, 7), weight: f32(3, 1, 5, 13), bias: f32(3) }, attrs: {} },
    { inputs: { x: f32(1, 2, 17, 18), weight: f32(2, 1, 31, 31) }, attrs: {} },
  ],
  infer: ({ x, weight, bias }) => {
    const { c } = forwardSizes({ x, weight });
    if (bias) expectShape('depthwise', 'bias', bias, [c]);
    return { y: x };
  },
  cost: (inputs, outputs) => costOf(forwardSizes(inputs), memoryCost(inputs, outputs).bytes),
  reference: ({ x, weight, bias }, specs) => ({
    y: depthwiseReference(x, weight, bias, forwardSizes(specs)),
  }),
  gradient: (graph, { inputs: { x, weight, bias } }, { y: dy }, needs) => {
    if (dy === undefined) return {};
    const dx = needs.has('x') ? graph.one(depthwiseGradInput, { dy, weight }, {}) : undefined;
    if (!needs.has('weight') && !needs.has('bias')) return { x: dx };
    const [, , kh = 0, kw = 0] = weight.spec.shape;
    const attrs = { kh, kw, bias: bias !== undefined && needs.has('bias') };
    const { dweight, dbias } = graph.apply(depthwiseGradWeight, { x, dy }, attrs);
    return { x: dx, weight: dweight, bias: dbias };
  },
};

/**
 * Gradient of `depthwise` with respect to x, plus an addend (a residual's gradient).
 * dy, addend and dx (n, c, h, w), weight (c, 1, kh, kw).
 */
export const depthwiseGradInput: Op<None, 'dy' | 'weight' | 'addend?', 'dx'> = {
  name: 'depthwise-grad-input',
  inputs: ['dy', 'weight', 'addend?'],
  outputs: ['dx'],
  examples: [
    { inputs: { dy: f32(2, 3, 9, 7), weight: f32(3, 1, 5, 13), addend: f32(2, 3, 9, 7) }, attrs: {} },
    { inputs: { dy: f32(1, 2, 17, 18), weight: f32(2, 1, 31, 31) }, attrs: {} },
  ],
  infer: ({ dy, weight, addend }) => {
    gradInputSizes({ dy, weight });
    if (addend) expectShape('depthwise-grad-input', 'addend', addend, dy.shape);
    return { dx: dy };
  },
  cost: (inputs, outputs) => costOf(gradInputSizes(inputs), memoryCost(inputs, outputs).bytes),
  reference: ({ dy, weight, addend }, specs) => ({
    dx: depthwiseGradInputReference(dy, weight, addend, gradInputSizes(specs)),
  }),
};

/**
 * Gradients of `depthwise` with respect to weight and bias. Taps that only ever meet padding (|offset| ≥ h or w) get exactly 0.
 * x and dy (n, c, h, w), dweight (c, 1, kh, kw) and, if asked for, dbias (c).
 */
export const depthwiseGradWeight: Op<DepthwiseGradWeightAttrs, 'x' | 'dy', 'dweight' | 'dbias?'> = {
  name: 'depthwise-grad-weight',
  inputs: ['x', 'dy'],
  outputs: ['dweight', 'dbias?'],
  examples: [
    { inputs: { x: f32(2, 3, 9, 7), dy: f32(2, 3, 9, 7) }, attrs: { kh: 5, kw: 13, bias: true } },
    { inputs: { x: f32(1, 2, 17, 18), dy: f32(1, 2, 17, 18) }, attrs: { kh: 31, kw: 31, bias: false } },
  ],
  infer: (inputs, attrs) => {
    const { c, kh, kw } = gradWeightSizes(inputs, attrs);
    return { dweight: f32(c, 1, kh, kw), dbias: attrs.bias ? f32(c) : undefined };
  },
  cost: (inputs, outputs, attrs) => costOf(gradWeightSizes(inputs, attrs), memoryCost(inputs, outputs).bytes),
  accumulates: ['dweight', 'dbias'],
  reference: ({ x, dy }, specs, attrs) => {
    const { dweight, dbias } = depthwiseGradWeightReference(x, dy, gradWeightSizes(specs, attrs));
    return { dweight, dbias: attrs.bias ? dbias : undefined };
  },
};

function checkOdd(op: string, kh: number, kw: number): void {
  if (kh % 2 !== 1 || kw % 2 !== 1) {
    throw shapeError(
      op,
      `a kernel of ${kh}×${kw} taps has no centre`,
      'Use odd kernel sizes: same padding is (k−1)/2 on every side.',
    );
  }
}

/** The sizes of maps (n, c, h, w), called `name`, and a weight (c, 1, kh, kw). */
function sizesOf(op: string, name: string, maps: TensorSpec, weight: TensorSpec): DepthwiseSizes {
  const [n = 0, c = 0, h = 0, w = 0] = maps.shape;
  const [channels, one, kh = 0, kw = 0] = weight.shape;
  if (maps.shape.length !== 4 || weight.shape.length !== 4 || one !== 1 || c !== channels) {
    throw shapeError(
      op,
      `${name} ${showShape(maps.shape)} and weight ${showShape(weight.shape)} do not match`,
      `Expected ${name} (n, c, h, w) and weight (c, 1, kh, kw).`,
    );
  }
  checkOdd(op, kh, kw);
  return { n, c, h, w, kh, kw };
}

export function forwardSizes({ x, weight }: Specs<'x' | 'weight'>): DepthwiseSizes {
  return sizesOf('depthwise', 'x', x, weight);
}

export function gradInputSizes({ dy, weight }: Specs<'dy' | 'weight'>): DepthwiseSizes {
  return sizesOf('depthwise-grad-input', 'dy', dy, weight);
}

export function gradWeightSizes(
  { x, dy }: Specs<'x' | 'dy'>,
  { kh, kw }: DepthwiseGradWeightAttrs,
): DepthwiseSizes {
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  if (x.shape.length !== 4 || showShape(x.shape) !== showShape(dy.shape)) {
    throw shapeError(
      'depthwise-grad-weight',
      `x ${showShape(x.shape)} and dy ${showShape(dy.shape)} must be maps (n, c, h, w) of one shape`,
    );
  }
  checkOdd('depthwise-grad-weight', kh, kw);
  return { n, c, h, w, kh, kw };
}

/** Pairs of an output row and a tap row that meet a row of the map. */
export function meetings(extent: number, k: number): number {
  let count = 0;
  const pad = k >> 1;
  for (let o = 0; o < extent; o++) count += Math.min(o, pad) + Math.min(extent - 1 - o, pad) + 1;
  return count;
}

function costOf({ n, c, h, w, kh, kw }: DepthwiseSizes, bytes: number): Cost {
  return {
    macs: n * c * h * w * kh * kw,
    liveMacs: n * c * meetings(h, kh) * meetings(w, kw),
    bytes,
  };
}

/** The kernel without the taps that only ever meet padding: at most (2h−1) × (2w−1). */
export function liveKernel({ h, w, kh, kw }: DepthwiseSizes): { kh: number; kw: number } {
  return { kh: Math.min(kh, 2 * h - 1), kw: Math.min(kw, 2 * w - 1) };
}
