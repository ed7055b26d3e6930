import { flatGrid } from '../dispatches.ts';
import { type AnyKernels, type Dispatch, type Kernels, type Lowering, input, output } from '../kernels.ts';
import type { None } from '../op.ts';
import { softCrossEntropy, softCrossEntropyGradient, tableOf } from './op.ts';

/** One workgroup a row; short rows take small workgroups. */
function rowwise(
  shader: string,
  { n, k }: { n: number; k: number },
  bindings: Dispatch['bindings'],
): Lowering {
  const params = { ROWS: n, K: k, WORKGROUP: k <= 256 ? 32 : 256 };
  return {
    scratch: [],
    dispatches: [{ shader: `cross-entropy/${shader}.wgsl`, params, bindings, grid: flatGrid(n) }],
  };
}

export const softCrossEntropyKernels: Kernels<None> = {
  op: softCrossEntropy,
  variants: () => [{ kind: 'row' }],
  lower: ({ inputs }) =>
    rowwise('forward', tableOf('soft-cross-entropy', inputs, 2), {
      logits: input(0),
      targets: input(1),
      loss: output(0),
    }),
};

export const softCrossEntropyGradientKernels: Kernels<None> = {
  op: softCrossEntropyGradient,
  variants: () => [{ kind: 'row' }],
  lower: ({ inputs }) =>
    rowwise('gradient', tableOf('soft-cross-entropy-gradient', inputs, 3), {
      logits: input(0),
      targets: input(1),
      dloss: input(2),
      dlogits: output(0),
    }),
};

export const kernels: readonly AnyKernels[] = [softCrossEntropyKernels, softCrossEntropyGradientKernels];
