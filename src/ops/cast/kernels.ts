import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { cast } from './op.ts';

export const castKernels: Kernels<typeof cast> = {
  op: cast,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) =>
    flat('scale/scale.wgsl', outputs.y, { ...inputs, ...outputs }, { FACTOR: 1 }),
};

export const kernels = [castKernels];
