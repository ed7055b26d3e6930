import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid, sumParts } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, onlyPlain, scratch } from '../kernels.ts';
import { f32 } from '../tensor.ts';
import { rowSum, rowsOf } from './op.ts';

const WORKGROUP = 64;

/** `y` (rows) = the row sums of `x`, or accumulates them. One workgroup sums a row; on GPUs enough workgroups to fill it share rows, matrix by matrix. */
export function sumRows(x: Operand, y: Operand, { machine, busyLanes }: DeviceProfile): readonly Dispatch[] {
  const { batch, rows, cols } = rowsOf(x);
  const wanted = machine === 'gpu' ? Math.ceil(busyLanes / (WORKGROUP * rows)) : 1;
  const run = Math.ceil(batch / wanted);
  const count = Math.ceil(batch / run);
  const sums = count > 1 ? scratch(f32(count, rows)) : y;
  const first: Dispatch = {
    shader: 'row-sum/rows.wgsl',
    params: { BATCH: batch, ROWS: rows, COLS: cols, RUN: run, PARTS: count, WORKGROUP },
    bindings: { x, y: sums },
    grid: flatGrid(rows * count),
  };
  return sums === y ? [first] : [first, sumParts(sums, y)];
}

export const rowSumKernels: Kernels<typeof rowSum> = {
  op: rowSum,
  variants: onlyPlain,
  lower: ({ inputs: { x }, outputs: { y }, profile }) => sumRows(x, y, profile),
};

export const kernels = [rowSumKernels];
