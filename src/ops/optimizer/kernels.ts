import type { ParamValue } from '../../shader/parameters.ts';
import { flatItems } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, onlyPlain } from '../kernels.ts';
import { adamw, clipFactor, ema, sgdMomentum } from './op.ts';

/** Every vector of an update is as long as the parameters. */
function step(
  shader: string,
  inputs: Dispatch['bindings'] & { readonly parameter: Operand },
  params: Readonly<Record<string, ParamValue>> = {},
): readonly Dispatch[] {
  return flatItems(`optimizer/${shader}.wgsl`, inputs.parameter, inputs, params);
}

export const adamwKernels: Kernels<typeof adamw> = {
  op: adamw,
  variants: onlyPlain,
  lower: ({ inputs }) => step('adamw', { ...inputs }),
};

export const sgdMomentumKernels: Kernels<typeof sgdMomentum> = {
  op: sgdMomentum,
  variants: onlyPlain,
  lower: ({ inputs, attrs }) => step('sgd', { ...inputs }, { NESTEROV: attrs.nesterov }),
};

export const emaKernels: Kernels<typeof ema> = {
  op: ema,
  variants: onlyPlain,
  lower: ({ inputs }) => step('ema', { ...inputs }),
};

export const clipFactorKernels: Kernels<typeof clipFactor> = {
  op: clipFactor,
  variants: onlyPlain,
  lower: ({ inputs }) => [
    { shader: 'optimizer/clip-factor.wgsl', params: {}, bindings: { ...inputs }, grid: [1, 1, 1] },
  ],
};

export const kernels = [adamwKernels, sgdMomentumKernels, emaKernels, clipFactorKernels];
