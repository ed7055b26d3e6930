import { flatGrid, sumParts } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, onlyPlain, scratch } from '../kernels.ts';
import { f32 } from '../tensor.ts';
import { columnSum, columnsOf } from './op.ts';

const WORKGROUP = 64;

/** Rows one partial column sum covers: enough parts to fill a GPU, few enough for the second stage. */
const RUN = 256;

/** `y` (cols) = the column sums of `x` (rows, cols), or is added to; long columns in two ordered stages. */
export function sumColumns(x: Operand, y: Operand): readonly Dispatch[] {
  const { rows, cols } = columnsOf(x);
  const count = Math.ceil(rows / RUN);
  const parts = count > 1 ? scratch(f32(count, cols)) : y;
  const first: Dispatch = {
    shader: 'column-sum/columns.wgsl',
    params: { ROWS: rows, COLS: cols, RUN, PARTS: count, WORKGROUP },
    bindings: { x, parts },
    grid: flatGrid(Math.ceil(cols / WORKGROUP) * count),
  };
  return parts === y ? [first] : [first, sumParts(parts, y)];
}

export const columnSumKernels: Kernels<typeof columnSum> = {
  op: columnSum,
  variants: onlyPlain,
  lower: ({ inputs: { x }, outputs: { y } }) => sumColumns(x, y),
};

export const kernels = [columnSumKernels];
