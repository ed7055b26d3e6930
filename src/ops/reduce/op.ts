import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, shapeError } from '../tensor.ts';

function toScalar(name: string, inputs: readonly TensorSpec[]): readonly TensorSpec[] {
  if (inputs.length !== 1) throw shapeError(name, `takes 1 input, got ${inputs.length}`);
  return [f32(1)];
}

export interface SumAttrs {
  /** Multiplies the sum; 1/elements makes a mean. */
  readonly factor: number;
}

/** y = factor · Σx over all elements, shape (1). */
export const sum: Op<SumAttrs> = {
  name: 'sum',
  examples: [{ inputs: [f32(3, 1111)], attrs: { factor: 0.5 } }],
  infer: (inputs) => toScalar('sum', inputs),
  cost: memoryCost,
  reference: ([x], _specs, { factor }) => [
    Float64Array.of(factor * (x as Float64Array).reduce((total, value) => total + value, 0)),
  ],
  gradient: (graph, node, [dy]) => {
    const shape = node.inputs[0]?.spec.shape ?? [];
    return [dy && graph.one(spread, [dy], { shape, factor: node.attrs.factor })];
  },
};

/** Σx², shape (1): the square of a gradient's norm. Several vectors can be summed into one output. */
export const sumSquares: Op<None> = {
  name: 'sum-squares',
  examples: [{ inputs: [f32(3333)], attrs: {} }],
  accumulates: [0],
  infer: (inputs) => toScalar('sum-squares', inputs),
  cost: memoryCost,
  reference: ([x]) => [
    Float64Array.of((x as Float64Array).reduce((total, value) => total + value * value, 0)),
  ],
};

/** How many elements are infinite or NaN, shape (1). */
export const nonFinite: Op<None> = {
  name: 'non-finite',
  examples: [{ inputs: [f32(3333)], attrs: {} }],
  accumulates: [0],
  infer: (inputs) => toScalar('non-finite', inputs),
  cost: memoryCost,
  reference: ([x]) => [
    Float64Array.of(
      (x as Float64Array).reduce((total, value) => total + (Number.isFinite(value) ? 0 : 1), 0),
    ),
  ],
};

export interface SpreadAttrs {
  readonly shape: readonly number[];
  readonly factor: number;
}

/** A scalar copied to every element, times `factor`: the gradient of `sum`. */
export const spread: Op<SpreadAttrs> = {
  name: 'spread',
  examples: [{ inputs: [f32(1)], attrs: { shape: [3, 5], factor: 2 } }],
  infer: (inputs, { shape }) => {
    if (inputs.length !== 1 || elems(inputs[0]?.shape ?? []) !== 1)
      throw shapeError('spread', 'takes one tensor of a single element');
    return [f32(...shape)];
  },
  cost: memoryCost,
  reference: ([x], _specs, { shape, factor }) => [
    new Float64Array(elems(shape)).fill(((x as Float64Array)[0] as number) * factor),
  ],
};
