import type { Kernels, Variant } from '../kernels.ts';
import { isOnlySums, lowerMatmul, matmulVariants } from './gemm.ts';
import { hasHalf, matmul, matmulShape } from './op.ts';

export const matmulKernels: Kernels<typeof matmul, Variant> = {
  op: matmul,
  variants({ inputs, attrs, profile }) {
    const shape = matmulShape(inputs, attrs);
    const canCut = isOnlySums({ ...attrs, shape, reduceBatch: attrs.reduceBatch === true });
    return matmulVariants(shape, profile, hasHalf(inputs), false, canCut);
  },
  lower: ({ inputs, outputs, attrs, profile }, variant) =>
    lowerMatmul(
      {
        ...attrs,
        shape: matmulShape(inputs, attrs),
        reduceBatch: attrs.reduceBatch === true,
        bindings: { ...inputs, ...outputs },
      },
      variant,
      profile,
    ),
};

export const kernels = [matmulKernels];
