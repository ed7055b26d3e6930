import type { Kernels } from '../kernels.ts';
import { mapsSize, toMaps, toRows } from './op.ts';
import { relayout } from './relayout.ts';

type Tiles = { readonly kind: 'tiles' };

const tiles = (): readonly Tiles[] => [{ kind: 'tiles' }];

export const toRowsKernels: Kernels<typeof toRows, Tiles> = {
  op: toRows,
  variants: tiles,
  lower: ({ inputs: { x }, outputs: { y } }, { kind }) => [
    relayout({ ...mapsSize('to-rows', x), toRows: true, kind }, { source: x, out: y }),
  ],
};

export const toMapsKernels: Kernels<typeof toMaps, Tiles> = {
  op: toMaps,
  variants: tiles,
  lower: ({ inputs: { x }, outputs: { y } }, { kind }) => [
    relayout({ ...mapsSize('to-maps', y), toRows: false, kind }, { source: x, out: y }),
  ],
};

export const kernels = [toRowsKernels, toMapsKernels];
