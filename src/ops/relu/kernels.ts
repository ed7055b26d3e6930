import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { relu, reluGradient } from './op.ts';

export const reluKernels: Kernels<typeof relu> = {
  op: relu,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) => flat('relu/forward.wgsl', outputs.y, { ...inputs, ...outputs }),
};

export const reluGradientKernels: Kernels<typeof reluGradient> = {
  op: reluGradient,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) => flat('relu/gradient.wgsl', outputs.dx, { ...inputs, ...outputs }),
};

export const kernels = [reluKernels, reluGradientKernels];
