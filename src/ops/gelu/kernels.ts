import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import type { None } from '../op.ts';
import { gelu, geluGradient } from './op.ts';

export const geluKernels: Kernels<None> = {
  op: gelu,
  variants: onlyPlain,
  lower: ({ outputs }) => flatLowering('gelu/forward.wgsl', outputs[0], { x: input(0), y: output(0) }),
};

export const geluGradientKernels: Kernels<None> = {
  op: geluGradient,
  variants: onlyPlain,
  lower: ({ outputs }) =>
    flatLowering('gelu/gradient.wgsl', outputs[0], { x: input(0), dy: input(1), dx: output(0) }),
};

export const kernels: readonly AnyKernels[] = [geluKernels, geluGradientKernels];
