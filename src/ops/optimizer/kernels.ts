import type { ParamValue } from '../../shader/parameters.ts';
import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, onlyPlain } from '../kernels.ts';
import { elems } from '../tensor.ts';
import { adamw, clipFactor, ema, sgdMomentum } from './op.ts';

const WORKGROUP = 256;

/** One item per invocation: four elements, or one if the length is not a multiple of four. */
function step(
  shader: string,
  inputs: Dispatch['bindings'] & { readonly parameter: Operand },
  params: Readonly<Record<string, ParamValue>> = {},
): readonly Dispatch[] {
  const n = elems(inputs.parameter.shape);
  const width = n % 4 === 0 ? 4 : 1;
  const items = n / width;
  return [
    {
      shader: `optimizer/${shader}.wgsl`,
      params: { ITEMS: items, WIDTH: width, WORKGROUP, ...params },
      bindings: inputs,
      grid: flatGrid(Math.ceil(items / WORKGROUP)),
    },
  ];
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
