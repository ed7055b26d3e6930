import { type Items, itemsVariants, runsOfItems } from '../dispatches.ts';
import type { Kernels } from '../kernels.ts';
import { scale } from './op.ts';

export const scaleKernels: Kernels<typeof scale, Items> = {
  op: scale,
  variants: itemsVariants,
  lower: ({ inputs, outputs, attrs }, items) =>
    runsOfItems('scale/scale.wgsl', outputs.y, { ...inputs, ...outputs }, items, { FACTOR: attrs.factor }),
};

export const kernels = [scaleKernels];
