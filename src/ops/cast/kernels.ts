import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain } from '../kernels.ts';
import { f32Literal } from '../literal.ts';
import { type CastAttrs, cast } from './op.ts';

export const castKernels: Kernels<CastAttrs> = {
  op: cast,
  variants: onlyPlain,
  lower: ({ outputs }) => flatLowering('scale/scale.wgsl', outputs[0], [input(0)], { FACTOR: f32Literal(1) }),
};

export const kernels: readonly AnyKernels[] = [castKernels];
