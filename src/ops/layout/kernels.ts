import { type AnyKernels, type Kernels, input } from '../kernels.ts';
import type { None } from '../op.ts';
import { relayout } from '../scale-residual/relayout.ts';
import { mapsSize, toMaps, toRows } from './op.ts';

export const toRowsKernels: Kernels<None> = {
  op: toRows,
  variants: () => [{ kind: 'tiles' }],
  lower: ({ inputs: [x] }) => ({
    scratch: [],
    dispatches: [relayout(mapsSize('to-rows', x?.shape ?? []), true, { source: input(0) })],
  }),
};

export const toMapsKernels: Kernels<{ readonly n: number; readonly h: number; readonly w: number }> = {
  op: toMaps,
  variants: () => [{ kind: 'tiles' }],
  lower: ({ outputs: [y] }) => ({
    scratch: [],
    dispatches: [relayout(mapsSize('to-maps', y?.shape ?? []), false, { source: input(0) })],
  }),
};

export const kernels: readonly AnyKernels[] = [toRowsKernels, toMapsKernels];
