import type { Tensor } from '../tensor.ts';
import type { Cost, None, Op } from '../op.ts';
import { type TensorSpec, bytesOf, elems, f32, shapeError, showShape } from '../tensor.ts';
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

/**
 * Depthwise convolution, stride 1, zero padding that keeps the size (torch.nn.functional.conv2d with groups = c).
 * Inputs: x (n, c, h, w), weight (c, 1, kh, kw) with odd kh and kw, bias (c) or absent. Output: y (n, c, h, w).
 * @example graph.one(depthwise, [x, weight, bias], {})
 */
export const depthwise: Op<None> = {
  name: 'depthwise',
  examples: [
    { inputs: [f32(2, 3, 9, 7), f32(3, 1, 5, 13), f32(3)], attrs: {} },
    { inputs: [f32(1, 2, 17, 18), f32(2, 1, 31, 31)], attrs: {} },
  ],
  infer: (inputs) => {
    checkConvolution('depthwise', inputs, 'x');
    const [x, weight, bias] = inputs as readonly [TensorSpec, TensorSpec, TensorSpec?];
    const c = weight.shape[0] as number;
    if (bias !== undefined && elems(bias.shape) !== c)
      throw shapeError('depthwise', `bias ${showShape(bias.shape)} for ${c} channels`);
    return [x];
  },
  cost: (inputs, outputs) => cost(convolutionSizes(inputs), inputs, outputs),
  reference: ([x, weight, bias], specs) => [
    depthwiseReference(x as Float64Array, weight as Float64Array, bias, convolutionSizes(specs)),
  ],
  gradient: (graph, node, [dy], needs) => {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor?];
    if (dy === undefined) return [];
    const dx = needs[0] === true ? graph.one(depthwiseGradInput, [dy, weight], {}) : undefined;
    if (needs[1] !== true && needs[2] !== true) return [dx];
    const { kh, kw } = convolutionSizes(node.inputs.map((tensor) => tensor.spec));
    const attrs = { kh, kw, bias: bias !== undefined && needs[2] === true };
    return [dx, ...graph.apply(depthwiseGradWeight, [x, dy], attrs)];
  },
};

/**
 * Gradient of `depthwise` with respect to x, plus an addend (a residual's gradient).
 * Inputs: dy (n, c, h, w), weight (c, 1, kh, kw), addend (n, c, h, w) or absent. Output: dx (n, c, h, w).
 */
export const depthwiseGradInput: Op<None> = {
  name: 'depthwise-grad-input',
  examples: [
    { inputs: [f32(2, 3, 9, 7), f32(3, 1, 5, 13), f32(2, 3, 9, 7)], attrs: {} },
    { inputs: [f32(1, 2, 17, 18), f32(2, 1, 31, 31)], attrs: {} },
  ],
  infer: (inputs) => {
    checkConvolution('depthwise-grad-input', inputs, 'dy');
    const [dy, , addend] = inputs as readonly [TensorSpec, TensorSpec, TensorSpec?];
    if (addend !== undefined && showShape(addend.shape) !== showShape(dy.shape)) {
      throw shapeError(
        'depthwise-grad-input',
        `addend ${showShape(addend.shape)} differs from dy ${showShape(dy.shape)}`,
      );
    }
    return [dy];
  },
  cost: (inputs, outputs) => cost(convolutionSizes(inputs), inputs, outputs),
  reference: ([dy, weight, addend], specs) => [
    depthwiseGradInputReference(dy as Float64Array, weight as Float64Array, addend, convolutionSizes(specs)),
  ],
};

/**
 * Gradients of `depthwise` with respect to weight and bias. Taps that only ever meet padding (|offset| ≥ h or w) get exactly 0.
 * Inputs: x (n, c, h, w), dy (n, c, h, w). Outputs: dweight (c, 1, kh, kw) and, if asked for, dbias (c).
 */
export const depthwiseGradWeight: Op<DepthwiseGradWeightAttrs> = {
  name: 'depthwise-grad-weight',
  examples: [
    { inputs: [f32(2, 3, 9, 7), f32(2, 3, 9, 7)], attrs: { kh: 5, kw: 13, bias: true } },
    { inputs: [f32(1, 2, 17, 18), f32(1, 2, 17, 18)], attrs: { kh: 31, kw: 31, bias: false } },
  ],
  infer: (inputs, { kh, kw, bias }) => {
    const [x, dy] = inputs;
    if (x === undefined || dy === undefined || inputs.length !== 2)
      throw shapeError('depthwise-grad-weight', `takes x and dy, got ${inputs.length} inputs`);
    const c = x.shape[1];
    if (c === undefined || x.shape.length !== 4 || showShape(x.shape) !== showShape(dy.shape)) {
      throw shapeError(
        'depthwise-grad-weight',
        `x ${showShape(x.shape)} and dy ${showShape(dy.shape)} must be maps (n, c, h, w) of one shape`,
      );
    }
    checkOdd('depthwise-grad-weight', kh, kw);
    return bias ? [f32(c, 1, kh, kw), f32(c)] : [f32(c, 1, kh, kw)];
  },
  cost: (inputs, outputs, attrs) => cost(gradWeightSizes(inputs, attrs), inputs, outputs),
  accumulates: [0, 1],
  reference: ([x, dy], specs, attrs) => {
    const sizes = gradWeightSizes(specs, attrs);
    const { dweight, dbias } = depthwiseGradWeightReference(x as Float64Array, dy as Float64Array, sizes);
    return attrs.bias ? [dweight, dbias] : [dweight];
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

function checkConvolution(op: string, inputs: readonly TensorSpec[], name: string): void {
  const [x, weight] = inputs;
  if (x === undefined || weight === undefined || inputs.length > 3)
    throw shapeError(op, `takes 2 or 3 inputs, got ${inputs.length}`);
  const [c, one, kh, kw] = weight.shape;
  if (x.shape.length !== 4 || weight.shape.length !== 4 || one !== 1 || x.shape[1] !== c) {
    throw shapeError(
      op,
      `${name} ${showShape(x.shape)} and weight ${showShape(weight.shape)} do not match`,
      `Expected ${name} (n, c, h, w) and weight (c, 1, kh, kw).`,
    );
  }
  checkOdd(op, kh as number, kw as number);
}

/** Sizes from [map, weight, …]; shapes are checked by `infer`. */
export function convolutionSizes(inputs: readonly TensorSpec[]): DepthwiseSizes {
  const [n, c, h, w] = inputs[0]?.shape as [number, number, number, number];
  const [, , kh, kw] = inputs[1]?.shape as [number, number, number, number];
  return { n, c, h, w, kh, kw };
}

export function gradWeightSizes(
  inputs: readonly TensorSpec[],
  attrs: DepthwiseGradWeightAttrs,
): DepthwiseSizes {
  const [n, c, h, w] = inputs[0]?.shape as [number, number, number, number];
  return { n, c, h, w, kh: attrs.kh, kw: attrs.kw };
}

/** Pairs of an output row and a tap row that meet a row of the map. */
function meetings(extent: number, k: number): number {
  let count = 0;
  const pad = k >> 1;
  for (let o = 0; o < extent; o++) count += Math.min(o, pad) + Math.min(extent - 1 - o, pad) + 1;
  return count;
}

function cost(
  { n, c, h, w, kh, kw }: DepthwiseSizes,
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
): Cost {
  return {
    macs: n * c * h * w * kh * kw,
    liveMacs: n * c * meetings(h, kh) * meetings(w, kw),
    bytes: [...inputs, ...outputs].reduce((sum, spec) => sum + bytesOf(spec), 0),
  };
}

/** The kernel without the taps that only ever meet padding: at most (2h−1) × (2w−1). */
export function liveKernel({ h, w, kh, kw }: DepthwiseSizes): { kh: number; kw: number } {
  return { kh: Math.min(kh, 2 * h - 1), kw: Math.min(kw, 2 * w - 1) };
}
