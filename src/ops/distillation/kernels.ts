import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, onlyPlain } from '../kernels.ts';
import { type DistillationAttrs, distillation, distillationGradient, tablesOf } from './op.ts';

/** One workgroup per row; short rows take small workgroups. */
function rowwise(
  shader: string,
  { n, k }: { n: number; k: number },
  { kind, alpha, temperature }: DistillationAttrs,
  bindings: Dispatch['bindings'],
): readonly Dispatch[] {
  const workgroup = k <= 256 ? 32 : 256;
  const params = { ROWS: n, K: k, WORKGROUP: workgroup, KIND: kind, ALPHA: alpha, TEMPERATURE: temperature };
  return [{ shader: `distillation/${shader}.wgsl`, params, bindings, grid: flatGrid(n) }];
}

export const distillationKernels: Kernels<typeof distillation> = {
  op: distillation,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    rowwise('forward', tablesOf('distillation', inputs), attrs, { ...inputs, ...outputs }),
};

export const distillationGradientKernels: Kernels<typeof distillationGradient> = {
  op: distillationGradient,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    rowwise('gradient', tablesOf('distillation-gradient', inputs), attrs, { ...inputs, ...outputs }),
};

export const kernels = [distillationKernels, distillationGradientKernels];
