import type { ParamValue } from '../../shader/parameters.ts';
import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, onlyPlain } from '../kernels.ts';
import { elems } from '../tensor.ts';
import { rowsOf, standardize, standardizeGradient } from './op.ts';

const WORKGROUP = 64;

/** One workgroup a row of the weight. */
function rowwise(
  shader: string,
  weight: Operand,
  bindings: Dispatch['bindings'],
  params: Readonly<Record<string, ParamValue>> = {},
): readonly Dispatch[] {
  const rows = rowsOf('standardize', weight);
  return [
    {
      shader,
      params: { ROWS: rows, COLS: elems(weight.shape) / rows, WORKGROUP, ...params },
      bindings: { weight, ...bindings },
      grid: flatGrid(rows),
    },
  ];
}

export const standardizeKernels: Kernels<typeof standardize> = {
  op: standardize,
  variants: onlyPlain,
  lower: ({ inputs: { weight }, outputs, attrs: { eps } }) =>
    rowwise('standardize/rows.wgsl', weight, outputs, { EPS: eps }),
};

export const standardizeGradientKernels: Kernels<typeof standardizeGradient> = {
  op: standardizeGradient,
  variants: onlyPlain,
  lower: ({ inputs: { weight, ...given }, outputs }) =>
    rowwise('standardize/rows-gradient.wgsl', weight, { ...given, ...outputs }),
};

export const kernels = [standardizeKernels, standardizeGradientKernels];
