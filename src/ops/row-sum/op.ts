import { defined } from '../../util/errors.ts';
import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, shapeError, showShape } from '../tensor.ts';
import { rowSumReference } from './reference.ts';

/** y[i] = Σ_bj x[b, i, j], x (rows, cols) or (batch, rows, …): the gradient of a bias over rows or channels. */
export const rowSum: Op<None, 'x', 'y'> = {
  name: 'row-sum',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(2, 5, 131) }, attrs: {} }],
  infer: ({ x }) => ({ y: f32(rowsOf(x).rows) }),
  cost: memoryCost,
  accumulates: ['y'],
  reference: ({ x }, specs) => ({ y: rowSumReference(x, rowsOf(specs.x)) }),
};

export function rowsOf({ shape }: TensorSpec): { batch: number; rows: number; cols: number } {
  if (shape.length < 2)
    throw shapeError('row-sum', `takes (rows, cols) or (batch, rows, …), got ${showShape(shape)}`);
  const [batch, ...rest] = shape.length === 2 ? [1, ...shape] : shape;
  const rows = defined(rest[0], 'rows');
  return { batch: defined(batch, 'batch'), rows, cols: elems(rest) / rows };
}
