import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain } from '../kernels.ts';
import type { None } from '../op.ts';
import { gelu, geluGradient } from './op.ts';

export const geluKernels: Kernels<None> = {
  op: gelu,
  variants: onlyPlain,
  lower: ({ outputs }) => flatLowering('gelu/forward.wgsl', outputs[0], [input(0)]),
};

export const geluGradientKernels: Kernels<None> = {
  op: geluGradient,
  variants: onlyPlain,
  lower: ({ outputs }) => flatLowering('gelu/gradient.wgsl', outputs[0], [input(0), input(1)]),
};

export const kernels: readonly AnyKernels[] = [geluKernels, geluGradientKernels];
