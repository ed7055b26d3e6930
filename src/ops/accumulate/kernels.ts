import { type Items, itemsVariants, runsOfItems } from '../dispatches.ts';
import type { Kernels } from '../kernels.ts';
import { accumulate } from './op.ts';

export const accumulateKernels: Kernels<typeof accumulate, Items> = {
  op: accumulate,
  variants: itemsVariants,
  lower: ({ inputs, outputs }, items) =>
    runsOfItems('accumulate/accumulate.wgsl', outputs.out, { ...inputs, ...outputs }, items),
};

export const kernels = [accumulateKernels];
