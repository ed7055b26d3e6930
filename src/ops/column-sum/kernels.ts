import { flatGrid, sumParts } from '../dispatches.ts';
import {
  type AnyKernels,
  type Dispatch,
  type Kernels,
  type Lowering,
  type Slot,
  input,
  onlyPlain,
  output,
  scratch,
} from '../kernels.ts';
import type { None } from '../op.ts';
import { f32 } from '../tensor.ts';
import { columnSum, columnsOf } from './op.ts';

const WORKGROUP = 64;

/** Rows one partial column sum covers: enough parts to fill a GPU, few enough for the second stage. */
const RUN = 256;

/**
 * `to` (cols) = the column sums of `from` (rows, cols), or is added to; long columns in two ordered stages.
 * @param at index of the scratch tensor it may use
 */
export function columnSumLowering(from: Slot, to: Slot, rows: number, cols: number, at = 0): Lowering {
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
    },
    bindings: { x: from, parts: staged ? scratch(at) : to },
    grid: flatGrid(Math.ceil(cols / WORKGROUP) * parts),
  };
  if (!staged) return { scratch: [], dispatches: [first] };
  return {
    scratch: [f32(parts, cols)],
    dispatches: [first, sumParts(scratch(at), to, cols, parts)],
  };
}

export const columnSumKernels: Kernels<None> = {
  op: columnSum,
  variants: onlyPlain,
  lower({ inputs, accumulate }): Lowering {
    const { rows, cols } = columnsOf(inputs);
    return columnSumLowering(input(0), output(0, accumulate[0]), rows, cols);
  },
};

export const kernels: readonly AnyKernels[] = [columnSumKernels];
