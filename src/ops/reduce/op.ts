import { type None, type Op, memoryCost } from '../op.ts';
import { elems, f32, shapeError } from '../tensor.ts';
import { nonFiniteReference, spreadReference, sumReference, sumSquaresReference } from './reference.ts';

/** Reductions of a whole tensor to one number, and the way back. */

export interface SumAttrs {
  /** Multiplies the sum; 1/elements makes a mean. */
  readonly factor: number;
}

/** y = factor · Σx over all elements, shape (1). */
export const sum: Op<SumAttrs, 'x', 'y'> = {
  name: 'sum',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(3, 1111) }, attrs: { factor: 0.5 } }],
  infer: () => ({ y: f32(1) }),
  cost: memoryCost,
  reference: ({ x }, _specs, { factor }) => ({ y: sumReference(x, factor) }),
  gradient: (graph, { inputs: { x }, attrs: { factor } }, { y: dy }) => ({
    x: dy && graph.one(spread, { x: dy }, { shape: x.spec.shape, factor }),
  }),
};

/** Σx², shape (1): the square of a gradient's norm. Several vectors can be summed into one output. */
export const sumSquares: Op<None, 'x', 'y'> = {
  name: 'sum-squares',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(3333) }, attrs: {} }],
  accumulates: ['y'],
  infer: () => ({ y: f32(1) }),
  cost: memoryCost,
  reference: ({ x }) => ({ y: sumSquaresReference(x) }),
};

/** How many elements are infinite or NaN, shape (1). */
export const nonFinite: Op<None, 'x', 'y'> = {
  name: 'non-finite',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(3333) }, attrs: {} }],
  accumulates: ['y'],
  infer: () => ({ y: f32(1) }),
  cost: memoryCost,
  reference: ({ x }) => ({ y: nonFiniteReference(x) }),
};

export interface SpreadAttrs {
  readonly shape: readonly number[];
  readonly factor: number;
}

/** A scalar copied to every element, times `factor`: the gradient of `sum`. */
export const spread: Op<SpreadAttrs, 'x', 'y'> = {
  name: 'spread',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(1) }, attrs: { shape: [3, 5], factor: 2 } }],
  infer: ({ x }, { shape }) => {
    if (elems(x.shape) !== 1) throw shapeError('spread', 'takes one tensor of a single element');
    return { y: f32(...shape) };
  },
  cost: memoryCost,
  reference: ({ x }, _specs, { shape, factor }) => ({ y: spreadReference(x, elems(shape), factor) }),
};
