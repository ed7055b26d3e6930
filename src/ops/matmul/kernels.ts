import { type AnyKernels, type Kernels, input, output } from '../kernels.ts';
import { isOnlySums, lowerMatmul, matmulVariants } from './gemm.ts';
import { type MatmulAttrs, hasHalf, matmul, matmulShape } from './op.ts';

export const matmulKernels: Kernels<MatmulAttrs> = {
  op: matmul,
  variants({ inputs, attrs, profile }) {
    const shape = matmulShape(inputs, attrs);
    const canCut = isOnlySums({ ...attrs, shape, reduceBatch: attrs.reduceBatch === true });
    return matmulVariants(shape, profile, hasHalf(inputs), false, canCut);
  },
  lower: ({ inputs, attrs, accumulate, profile }, variant) =>
    lowerMatmul(
      {
        ...attrs,
        shape: matmulShape(inputs, attrs),
        reduceBatch: attrs.reduceBatch === true,
        bindings: {
          a: input(0),
          b: input(1),
          bias: inputs.length > 2 ? input(2) : undefined,
          y: output(0, accumulate[0]),
        },
      },
      variant,
      profile,
    ),
};

export const kernels: readonly AnyKernels[] = [matmulKernels];
