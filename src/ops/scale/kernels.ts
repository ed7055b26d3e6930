import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { scale } from './op.ts';

export const scaleKernels: Kernels<typeof scale> = {
  op: scale,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    flat('scale/scale.wgsl', outputs.y, { ...inputs, ...outputs }, { FACTOR: attrs.factor }),
};

export const kernels = [scaleKernels];
