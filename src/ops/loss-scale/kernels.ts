import { type Items, itemsVariants, runsOfItems } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { adjustLossScale, scaleLoss } from './op.ts';
import { BACKOFF, GROWTH } from './reference.ts';

export const scaleLossKernels: Kernels<typeof scaleLoss, Items> = {
  op: scaleLoss,
  variants: itemsVariants,
  lower: ({ inputs, outputs }, items) =>
    runsOfItems('loss-scale/scale.wgsl', outputs.y, { ...inputs, ...outputs }, items),
};

export const adjustLossScaleKernels: Kernels<typeof adjustLossScale> = {
  op: adjustLossScale,
  variants: onlyPlain,
  lower: ({ inputs, attrs }) => [
    {
      shader: 'loss-scale/adjust.wgsl',
      params: { GROWTH, BACKOFF, INTERVAL: attrs.interval },
      bindings: { ...inputs },
      grid: [1, 1, 1],
    },
  ],
};

export const kernels = [scaleLossKernels, adjustLossScaleKernels];
