import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import type { None } from '../op.ts';
import { BACKOFF, GROWTH, type LossScaleAttrs, adjustLossScale, scaleLoss } from './op.ts';

export const scaleLossKernels: Kernels<None> = {
  op: scaleLoss,
  variants: onlyPlain,
  lower: ({ outputs }) =>
    flatLowering('loss-scale/scale.wgsl', outputs[0], { x: input(0), scaler: input(1), y: output(0) }),
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
          GROWTH,
          BACKOFF,
          INTERVAL: attrs.interval,
        },
        bindings: { squares: input(0), scaler: input(1) },
        grid: [1, 1, 1],
      },
    ],
  }),
};

export const kernels: readonly AnyKernels[] = [scaleLossKernels, adjustLossScaleKernels];
