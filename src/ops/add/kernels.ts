import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import type { None } from '../op.ts';
import { add } from './op.ts';

export const addKernels: Kernels<None> = {
  op: add,
  variants: onlyPlain,
  lower: ({ outputs }) =>
    flatLowering('add/add.wgsl', outputs[0], { a: input(0), b: input(1), y: output(0) }),
};

export const kernels: readonly AnyKernels[] = [addKernels];
