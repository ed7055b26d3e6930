import { flatGrid } from '../dispatches.ts';
import {
  type AnyKernels,
  type Dispatch,
  type Kernels,
  type LowerContext,
  type Lowering,
  input,
  onlyPlain,
  output,
} from '../kernels.ts';
import type { None } from '../op.ts';
import { rowSum, rowsOf } from './op.ts';

const WORKGROUP = 64;

export const rowSumKernels: Kernels<None> = {
  op: rowSum,
  variants: onlyPlain,
  lower({ inputs, accumulate }: LowerContext<None>): Lowering {
    const { batch, rows, cols } = rowsOf(inputs);
    const dispatch: Dispatch = {
      shader: 'row-sum/rows.wgsl',
      params: { BATCH: batch, ROWS: rows, COLS: cols, WORKGROUP },
      bindings: { x: input(0), y: output(0, accumulate[0]) },
      grid: flatGrid(rows),
    };
    return { scratch: [], dispatches: [dispatch] };
  },
};

export const kernels: readonly AnyKernels[] = [rowSumKernels];
