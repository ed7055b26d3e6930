import { flatItems } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { accumulate } from './op.ts';

export const accumulateKernels: Kernels<typeof accumulate> = {
  op: accumulate,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) =>
    flatItems('accumulate/accumulate.wgsl', outputs.out, { ...inputs, ...outputs }),
};

export const kernels = [accumulateKernels];
