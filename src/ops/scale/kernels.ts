import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain } from '../kernels.ts';
import { f32Literal } from '../literal.ts';
import { type ScaleAttrs, scale } from './op.ts';

export const scaleKernels: Kernels<ScaleAttrs> = {
  op: scale,
  variants: onlyPlain,
  lower: ({ outputs, attrs }) =>
    flatLowering('scale/scale.wgsl', outputs[0], [input(0)], { FACTOR: f32Literal(attrs.factor) }),
};

export const kernels: readonly AnyKernels[] = [scaleKernels];
