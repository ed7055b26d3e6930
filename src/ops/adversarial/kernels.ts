import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { adversarialStart, adversarialStep, sizesOf } from './op.ts';

export const adversarialStartKernels: Kernels<typeof adversarialStart> = {
  op: adversarialStart,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) => {
    const { c, pixels } = sizesOf('adversarial-start', inputs.clean, inputs.box);
    return flat(
      'adversarial/start.wgsl',
      outputs.y,
      { ...inputs, ...outputs },
      { CHANNELS: c, PIXELS: pixels },
    );
  },
};

export const adversarialStepKernels: Kernels<typeof adversarialStep> = {
  op: adversarialStep,
  variants: onlyPlain,
  lower: ({ inputs, outputs }) => {
    const { c, pixels } = sizesOf('adversarial-step', inputs.clean, inputs.box);
    return flat(
      'adversarial/step.wgsl',
      outputs.y,
      { ...inputs, ...outputs },
      { CHANNELS: c, PIXELS: pixels },
    );
  },
};

export const kernels = [adversarialStartKernels, adversarialStepKernels];
