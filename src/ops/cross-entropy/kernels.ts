import { flatGrid } from '../dispatches.ts';
import { type AnyKernels, type Kernels, type Lowering, type Slot, input, output } from '../kernels.ts';
import type { None } from '../op.ts';
import { softCrossEntropy, softCrossEntropyGradient, tableOf } from './op.ts';

/** One workgroup a row; short rows take small workgroups. */
function rowwise(shader: string, { n, k }: { n: number; k: number }, bindings: readonly Slot[]): Lowering {
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
    rowwise('forward', tableOf('soft-cross-entropy', inputs, 2), [input(0), input(1), output(0)]),
};

export const softCrossEntropyGradientKernels: Kernels<None> = {
  op: softCrossEntropyGradient,
  variants: () => [{ kind: 'row' }],
  lower: ({ inputs }) =>
    rowwise('gradient', tableOf('soft-cross-entropy-gradient', inputs, 3), [
      input(0),
      input(1),
      input(2),
      output(0),
    ]),
};

export const kernels: readonly AnyKernels[] = [softCrossEntropyKernels, softCrossEntropyGradientKernels];
