import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { gelu, geluGradient } from './op.ts';

export const geluKernels: Kernels<typeof gelu> = {
  op: gelu,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) => flat('gelu/forward.wgsl', outputs.y, { ...inputs, ...outputs }),
};

export const geluGradientKernels: Kernels<typeof geluGradient> = {
  op: geluGradient,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) => flat('gelu/gradient.wgsl', outputs.dx, { ...inputs, ...outputs }),
};

export const kernels = [geluKernels, geluGradientKernels];
