import { type Items, itemsVariants, runsOfItems } from '../dispatches.ts';
import type { Kernels } from '../kernels.ts';
import { add } from './op.ts';

export const addKernels: Kernels<typeof add, Items> = {
  op: add,
  variants: itemsVariants,
  lower: ({ inputs, outputs }, items) =>
    runsOfItems('add/add.wgsl', outputs.y, { ...inputs, ...outputs }, items),
};

export const kernels = [addKernels];
