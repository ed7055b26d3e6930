import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import type { None } from '../op.ts';
import { accumulate } from './op.ts';

export const accumulateKernels: Kernels<None> = {
  op: accumulate,
  variants: onlyPlain,
  lower: ({ outputs, accumulate }) =>
    flatLowering('accumulate/accumulate.wgsl', outputs[0], { x: input(0), out: output(0, accumulate[0]) }),
};

export const kernels: readonly AnyKernels[] = [accumulateKernels];
