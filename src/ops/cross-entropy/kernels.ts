import { flatGrid } from '../dispatches.ts';
import type { Dispatch, Kernels } from '../kernels.ts';
import { softCrossEntropy, softCrossEntropyGradient, tableOf } from './op.ts';

type Row = { readonly kind: 'row' };

const row = (): readonly Row[] => [{ kind: 'row' }];

/** One workgroup per row, smaller for short rows. */
function rowwise(
  shader: string,
  { n, k }: { n: number; k: number },
  bindings: Dispatch['bindings'],
): readonly Dispatch[] {
  const params = { ROWS: n, K: k, WORKGROUP: k <= 256 ? 32 : 256 };
  return [{ shader: `cross-entropy/${shader}.wgsl`, params, bindings, grid: flatGrid(n) }];
}

export const softCrossEntropyKernels: Kernels<typeof softCrossEntropy, Row> = {
  op: softCrossEntropy,
  variants: row,
  lower: ({ inputs, outputs }) =>
    rowwise('forward', tableOf('soft-cross-entropy', inputs), { ...inputs, ...outputs }),
};

export const softCrossEntropyGradientKernels: Kernels<typeof softCrossEntropyGradient, Row> = {
  op: softCrossEntropyGradient,
  variants: row,
  lower: ({ inputs, outputs }) =>
    rowwise('gradient', tableOf('soft-cross-entropy-gradient', inputs), { ...inputs, ...outputs }),
};

export const kernels = [softCrossEntropyKernels, softCrossEntropyGradientKernels];
