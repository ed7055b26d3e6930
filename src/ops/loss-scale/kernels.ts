import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain } from '../kernels.ts';
import { f32Literal } from '../literal.ts';
import type { None } from '../op.ts';
import { BACKOFF, GROWTH, type LossScaleAttrs, adjustLossScale, scaleLoss } from './op.ts';

export const scaleLossKernels: Kernels<None> = {
  op: scaleLoss,
  variants: onlyPlain,
  lower: ({ outputs }) => flatLowering('loss-scale/scale.wgsl', outputs[0], [input(0), input(1)]),
};

export const adjustLossScaleKernels: Kernels<LossScaleAttrs> = {
  op: adjustLossScale,
  variants: onlyPlain,
  lower: ({ attrs }) => ({
    scratch: [],
    dispatches: [
      {
        shader: 'loss-scale/adjust.wgsl',
        params: {
          GROWTH: f32Literal(GROWTH),
          BACKOFF: f32Literal(BACKOFF),
          INTERVAL: f32Literal(attrs.interval),
        },
        bindings: [input(0), input(1)],
        grid: [1, 1, 1],
      },
    ],
  }),
};

export const kernels: readonly AnyKernels[] = [scaleLossKernels, adjustLossScaleKernels];
