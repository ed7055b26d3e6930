import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { cast } from './op.ts';

export const castKernels: Kernels<typeof cast> = {
  op: cast,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) => flat('cast/cast.wgsl', outputs.y, { ...inputs, ...outputs }),
};

export const kernels = [castKernels];
