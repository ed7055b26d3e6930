import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain } from '../kernels.ts';
import type { None } from '../op.ts';
import { accumulate } from './op.ts';

export const accumulateKernels: Kernels<None> = {
  op: accumulate,
  variants: onlyPlain,
  lower: ({ outputs, accumulate }) =>
    flatLowering('accumulate/accumulate.wgsl', outputs[0], [input(0)], {
      ACCUMULATE: accumulate[0] === true ? 1 : 0,
    }),
};

export const kernels: readonly AnyKernels[] = [accumulateKernels];
