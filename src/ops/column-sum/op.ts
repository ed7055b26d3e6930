import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, shapeError, showShape } from '../tensor.ts';
import { columnSumReference } from './reference.ts';

/** y[j] = Σ_i x[i, j], x (…, cols) with all leading dimensions as rows: the gradient of a bias over columns. */
export const columnSum: Op<None, 'x', 'y'> = {
  name: 'column-sum',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(517, 70) }, attrs: {} }],
  infer: ({ x }) => ({ y: f32(columnsOf(x).cols) }),
  cost: memoryCost,
  accumulates: ['y'],
  reference: ({ x }, specs) => ({ y: columnSumReference(x, columnsOf(specs.x).cols) }),
};

export function columnsOf({ shape }: TensorSpec): { rows: number; cols: number } {
  const cols = shape.at(-1);
  if (cols === undefined || shape.length < 2)
    throw shapeError('column-sum', `takes a matrix, got ${showShape(shape)}`);
  return { rows: elems(shape) / cols, cols };
}
