import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain } from '../kernels.ts';
import type { None } from '../op.ts';
import { relu, reluGradient } from './op.ts';

export const reluKernels: Kernels<None> = {
  op: relu,
  variants: onlyPlain,
  lower: ({ outputs }) => flatLowering('relu/forward.wgsl', outputs[0], [input(0)]),
};

export const reluGradientKernels: Kernels<None> = {
  op: reluGradient,
  variants: onlyPlain,
  lower: ({ outputs }) => flatLowering('relu/gradient.wgsl', outputs[0], [input(0), input(1)]),
};

export const kernels: readonly AnyKernels[] = [reluKernels, reluGradientKernels];
