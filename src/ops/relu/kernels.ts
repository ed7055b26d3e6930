import { type Items, itemsVariants, runsOfItems } from '../dispatches.ts';
import type { Kernels } from '../kernels.ts';
import { relu, reluGradient } from './op.ts';

export const reluKernels: Kernels<typeof relu, Items> = {
  op: relu,
  variants: itemsVariants,
  lower: ({ inputs, outputs }, items) =>
    runsOfItems('relu/forward.wgsl', outputs.y, { ...inputs, ...outputs }, items),
};

export const reluGradientKernels: Kernels<typeof reluGradient, Items> = {
  op: reluGradient,
  variants: itemsVariants,
  lower: ({ inputs, outputs }, items) =>
    runsOfItems('relu/gradient.wgsl', outputs.dx, { ...inputs, ...outputs }, items),
};

export const kernels = [reluKernels, reluGradientKernels];
