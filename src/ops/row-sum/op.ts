import { defined } from '../../util/errors.ts';
import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, shapeError, showShape } from '../tensor.ts';

/** y[i] = Σ_bj x[b, i, j], x (rows, cols) or (batch, rows, …): the gradient of a bias over rows or channels. */
export const rowSum: Op<None> = {
  name: 'row-sum',
  examples: [{ inputs: [f32(2, 5, 131)], attrs: {} }],
  infer: (inputs) => [f32(rowsOf(inputs).rows)],
  cost: memoryCost,
  accumulates: [0],
  reference: ([x], specs) => {
    const { rows, cols } = rowsOf(specs);
    const y = new Float64Array(rows);
    (x as Float64Array).forEach((value, i) => {
      const row = Math.floor(i / cols) % rows;
      y[row] = (y[row] as number) + value;
    });
    return [y];
  },
};

export function rowsOf([x]: readonly TensorSpec[]): { batch: number; rows: number; cols: number } {
  if (x === undefined || x.shape.length < 2)
    throw shapeError('row-sum', `takes (rows, cols) or (batch, rows, …), got ${showShape(x?.shape ?? [])}`);
  const [batch, ...rest] = x.shape.length === 2 ? [1, ...x.shape] : x.shape;
  const rows = defined(rest[0], 'rows');
  return { batch: defined(batch, 'batch'), rows, cols: elems(rest) / rows };
}
