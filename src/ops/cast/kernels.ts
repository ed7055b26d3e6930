import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import { type CastAttrs, cast } from './op.ts';

export const castKernels: Kernels<CastAttrs> = {
  op: cast,
  variants: onlyPlain,
  lower: ({ outputs }) =>
    flatLowering('scale/scale.wgsl', outputs[0], { x: input(0), y: output(0) }, { FACTOR: 1 }),
};

export const kernels: readonly AnyKernels[] = [castKernels];
