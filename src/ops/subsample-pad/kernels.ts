import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { gradientShape, subsamplePad, subsamplePadGradient, subsampleShape } from './op.ts';
import type { SubsampleShape } from './reference.ts';

function params(s: SubsampleShape): Record<string, number> {
  return { C: s.c, H: s.h, W: s.w, HO: s.ho, WO: s.wo, CHANNELS: s.channels, BEFORE: s.before };
}

export const subsamplePadKernels: Kernels<typeof subsamplePad> = {
  op: subsamplePad,
  variants: onlyPlain,
  lower: ({ inputs: { x }, outputs: { y }, attrs }) => {
    const shape = subsampleShape('subsample-pad', x.shape, attrs.channels);
    return flat('subsample-pad/forward.wgsl', y, { x, y }, params(shape));
  },
};

export const subsamplePadGradientKernels: Kernels<typeof subsamplePadGradient> = {
  op: subsamplePadGradient,
  variants: onlyPlain,
  lower: ({ inputs: { dy }, outputs: { dx }, attrs }) =>
    flat('subsample-pad/gradient.wgsl', dx, { dy, dx }, params(gradientShape(dy, attrs))),
};

export const kernels = [subsamplePadKernels, subsamplePadGradientKernels];
