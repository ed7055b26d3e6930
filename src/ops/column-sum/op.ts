import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, shapeError, showShape } from '../tensor.ts';

/** y[j] = Σ_i x[i, j], x (…, cols) with all leading dimensions as rows: the gradient of a bias over columns. */
export const columnSum: Op<None> = {
  name: 'column-sum',
  examples: [{ inputs: [f32(517, 70)], attrs: {} }],
  infer: (inputs) => [f32(columnsOf(inputs).cols)],
  cost: memoryCost,
  accumulates: [0],
  reference: ([x], specs) => {
    const { cols } = columnsOf(specs);
    const y = new Float64Array(cols);
    (x as Float64Array).forEach((value, i) => (y[i % cols] = (y[i % cols] as number) + value));
    return [y];
  },
};

export function columnsOf([x]: readonly TensorSpec[]): { rows: number; cols: number } {
  const cols = x?.shape.at(-1);
  if (x === undefined || cols === undefined || x.shape.length < 2)
    throw shapeError('column-sum', `takes a matrix, got ${showShape(x?.shape ?? [])}`);
  return { rows: elems(x.shape) / cols, cols };
}
