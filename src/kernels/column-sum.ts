import {
  elems,
  f32,
  flatGrid,
  input,
  memoryCost,
  output,
  scratch,
  shapeError,
  showShape,
  type Dispatch,
  type LowerContext,
  type Lowering,
  type Op,
  type Slot,
  type TensorSpec,
} from './op.ts';
import { defined } from '../util/errors.ts';

type None = Readonly<Record<string, never>>;

const WORKGROUP = 64;

/** Rows one partial column sum covers: enough parts to fill a GPU, few enough for the second stage. */
const RUN = 256;

/** y[j] = Σ_i x[i, j], x (…, cols) with all leading dimensions as rows: the gradient of a bias over columns. */
export const columnSum: Op<None> = {
  name: 'column-sum',
  examples: [{ inputs: [f32(517, 70)], attrs: {} }],
  infer: (inputs) => [f32(columnsOf(inputs).cols)],
  cost: memoryCost,
  accumulates: [0],
  variants: () => [{ kind: 'plain' }],
  lower({ inputs, accumulate }): Lowering {
    const { rows, cols } = columnsOf(inputs);
    return columnSumLowering(input(0), output(0), rows, cols, accumulate[0] === true);
  },
  reference: ([x], specs) => {
    const { cols } = columnsOf(specs);
    const y = new Float64Array(cols);
    (x as Float64Array).forEach((value, i) => (y[i % cols] = (y[i % cols] as number) + value));
    return [y];
  },
};

/**
 * `to` (cols) = the column sums of `from` (rows, cols); long columns in two ordered stages.
 * @param at index of the scratch tensor it may use
 */
export function columnSumLowering(
  from: Slot,
  to: Slot,
  rows: number,
  cols: number,
  accumulate: boolean,
  at = 0,
): Lowering {
  const parts = Math.ceil(rows / RUN);
  const staged = parts > 1;
  const first: Dispatch = {
    shader: 'column-sum/columns.wgsl',
    params: {
      ROWS: rows,
      COLS: cols,
      RUN,
      PARTS: parts,
      WORKGROUP,
      ACCUMULATE: Number(accumulate && !staged),
    },
    bindings: [from, staged ? scratch(at) : to],
    grid: flatGrid(Math.ceil(cols / WORKGROUP) * parts),
  };
  if (!staged) return { scratch: [], dispatches: [first] };
  return {
    scratch: [f32(parts, cols)],
    dispatches: [first, sumParts(scratch(at), to, cols, parts, accumulate)],
  };
}

/** The ordered second stage of a reduction: `to` (n) = Σ over `parts` of `from` (parts, n). */
export function sumParts(from: Slot, to: Slot, n: number, parts: number, accumulate: boolean): Dispatch {
  return {
    shader: 'common/sum-parts.wgsl',
    params: { N: n, PARTS: parts, ACCUMULATE: accumulate ? 1 : 0, WORKGROUP },
    bindings: [from, to],
    grid: flatGrid(Math.ceil(n / WORKGROUP)),
  };
}

function columnsOf([x]: readonly TensorSpec[]): { rows: number; cols: number } {
  const cols = x?.shape.at(-1);
  if (x === undefined || cols === undefined || x.shape.length < 2)
    throw shapeError('column-sum', `takes a matrix, got ${showShape(x?.shape ?? [])}`);
  return { rows: elems(x.shape) / cols, cols };
}

/** y[i] = Σ_bj x[b, i, j], x (rows, cols) or (batch, rows, …): the gradient of a bias over rows or channels. */
export const rowSum: Op<None> = {
  name: 'row-sum',
  examples: [{ inputs: [f32(2, 5, 131)], attrs: {} }],
  infer: (inputs) => [f32(rowsOf(inputs).rows)],
  cost: memoryCost,
  accumulates: [0],
  variants: () => [{ kind: 'plain' }],
  lower({ inputs, accumulate }: LowerContext<None>): Lowering {
    const { batch, rows, cols } = rowsOf(inputs);
    const dispatch: Dispatch = {
      shader: 'column-sum/rows.wgsl',
      params: { BATCH: batch, ROWS: rows, COLS: cols, WORKGROUP, ACCUMULATE: accumulate[0] === true ? 1 : 0 },
      bindings: [input(0), output(0)],
      grid: flatGrid(rows),
    };
    return { scratch: [], dispatches: [dispatch] };
  },
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

function rowsOf([x]: readonly TensorSpec[]): { batch: number; rows: number; cols: number } {
  if (x === undefined || x.shape.length < 2)
    throw shapeError('row-sum', `takes (rows, cols) or (batch, rows, …), got ${showShape(x?.shape ?? [])}`);
  const [batch, ...rest] = x.shape.length === 2 ? [1, ...x.shape] : x.shape;
  const rows = defined(rest[0], 'rows');
  return { batch: defined(batch, 'batch'), rows, cols: elems(rest) / rows };
}
