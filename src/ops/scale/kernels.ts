import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import { type ScaleAttrs, scale } from './op.ts';

export const scaleKernels: Kernels<ScaleAttrs> = {
  op: scale,
  variants: onlyPlain,
  lower: ({ outputs, attrs }) =>
    flatLowering('scale/scale.wgsl', outputs[0], { x: input(0), y: output(0) }, { FACTOR: attrs.factor }),
};

export const kernels: readonly AnyKernels[] = [scaleKernels];
