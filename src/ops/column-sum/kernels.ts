import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid, sumParts } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, onlyPlain, scratch } from '../kernels.ts';
import { f32 } from '../tensor.ts';
import { columnSum, columnsOf } from './op.ts';

const WORKGROUP = 64;

/** Rows that one partial sum covers, on processors. */
const RUN = 256;

/** On GPUs a lane's additions wait for memory, so both stages are kept equally short. */
function runOf(rows: number, { machine }: DeviceProfile): number {
  return machine === 'gpu' ? Math.ceil(Math.sqrt(rows)) : RUN;
}

/** `y` (cols) = the column sums of `x` (rows, cols), or accumulates them. Long columns take two ordered stages. */
export function sumColumns(x: Operand, y: Operand, profile: DeviceProfile): readonly Dispatch[] {
  const { rows, cols } = columnsOf(x);
  const run = runOf(rows, profile);
  const count = Math.ceil(rows / run);
  const parts = count > 1 ? scratch(f32(count, cols)) : y;
  const first: Dispatch = {
    shader: 'column-sum/columns.wgsl',
    params: { ROWS: rows, COLS: cols, RUN: run, PARTS: count, WORKGROUP },
    bindings: { x, parts },
    grid: flatGrid(Math.ceil(cols / WORKGROUP) * count),
  };
  return parts === y ? [first] : [first, sumParts(parts, y)];
}

export const columnSumKernels: Kernels<typeof columnSum> = {
  op: columnSum,
  variants: onlyPlain,
  lower: ({ inputs: { x }, outputs: { y }, profile }) => sumColumns(x, y, profile),
};

export const kernels = [columnSumKernels];
