import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import type { None } from '../op.ts';
import { relu, reluGradient } from './op.ts';

export const reluKernels: Kernels<None> = {
  op: relu,
  variants: onlyPlain,
  lower: ({ outputs }) => flatLowering('relu/forward.wgsl', outputs[0], { x: input(0), y: output(0) }),
};

export const reluGradientKernels: Kernels<None> = {
  op: reluGradient,
  variants: onlyPlain,
  lower: ({ outputs }) =>
    flatLowering('relu/gradient.wgsl', outputs[0], { y: input(0), dy: input(1), dx: output(0) }),
};

export const kernels: readonly AnyKernels[] = [reluKernels, reluGradientKernels];
