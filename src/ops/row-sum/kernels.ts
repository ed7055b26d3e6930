import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, onlyPlain } from '../kernels.ts';
import { rowSum, rowsOf } from './op.ts';

const WORKGROUP = 64;

/** `y` (rows) = the row sums of `x`, or is added to: one workgroup per row. */
export function sumRows(x: Operand, y: Operand): Dispatch {
  const { batch, rows, cols } = rowsOf(x);
  return {
    shader: 'row-sum/rows.wgsl',
    params: { BATCH: batch, ROWS: rows, COLS: cols, WORKGROUP },
    bindings: { x, y },
    grid: flatGrid(rows),
  };
}

export const rowSumKernels: Kernels<typeof rowSum> = {
  op: rowSum,
  variants: onlyPlain,
  lower: ({ inputs: { x }, outputs: { y } }) => [sumRows(x, y)],
};

export const kernels = [rowSumKernels];
