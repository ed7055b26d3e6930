import { flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import {
  type SubsamplePadAttrs,
  type SubsamplePadGradientAttrs,
  type SubsampleShape,
  gradientShape,
  subsamplePad,
  subsamplePadGradient,
  subsampleShape,
} from './op.ts';

function params(s: SubsampleShape): Record<string, number> {
  return { C: s.c, H: s.h, W: s.w, HO: s.ho, WO: s.wo, CHANNELS: s.channels, BEFORE: s.before };
}

export const subsamplePadKernels: Kernels<SubsamplePadAttrs> = {
  op: subsamplePad,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    flatLowering(
      'subsample-pad/forward.wgsl',
      outputs[0],
      { x: input(0), y: output(0) },
      params(subsampleShape('subsample-pad', inputs[0]?.shape ?? [], attrs.channels)),
    ),
};

export const subsamplePadGradientKernels: Kernels<SubsamplePadGradientAttrs> = {
  op: subsamplePadGradient,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    flatLowering(
      'subsample-pad/gradient.wgsl',
      outputs[0],
      { dy: input(0), dx: output(0) },
      params(gradientShape(inputs, attrs)),
    ),
};

export const kernels: readonly AnyKernels[] = [subsamplePadKernels, subsamplePadGradientKernels];
