import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { add } from './op.ts';

export const addKernels: Kernels<typeof add> = {
  op: add,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) => flat('add/add.wgsl', outputs.y, { ...inputs, ...outputs }),
};

export const kernels = [addKernels];
