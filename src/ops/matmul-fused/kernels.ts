import { defined } from '../../util/errors.ts';
import { type AnyKernels, type Kernels, input, output } from '../kernels.ts';
import { lowerMatmul, matmulVariants, type MatmulEnd } from '../matmul/gemm.ts';
import { hasHalf, matmulShape } from '../matmul/op.ts';
import type { Op } from '../op.ts';
import { type TensorSpec, elems } from '../tensor.ts';
import {
  type FusedMatmulAttrs,
  matmulGelu,
  matmulGeluGradient,
  matmulGradWeight,
  matmulNorm,
  matmulResidual,
  partsOf,
  productSpecs,
} from './op.ts';

/** What becomes of a fused product before it is written. */
interface Ending<A> {
  readonly end?: (rest: readonly TensorSpec[], attrs: A) => MatmulEnd;
  /** One more output: the sums of the columns of a, which is transposed. */
  readonly sums?: boolean;
}

function fusedKernels<A extends FusedMatmulAttrs>(op: Op<A>, { end, sums }: Ending<A> = {}): Kernels<A> {
  return {
    op,
    variants: (context) =>
      matmulVariants(
        matmulShape(productSpecs(op.name, context.inputs, context.attrs), context.attrs),
        context,
        hasHalf(context.inputs),
        sums,
      ),
    lower({ inputs, outputs, attrs, accumulate }, variant) {
      const slots = partsOf(
        inputs.map((_, i) => input(i)),
        attrs,
      );
      const { maps, rest } = partsOf(inputs, attrs);
      return lowerMatmul(
        {
          ...attrs,
          shape: matmulShape(productSpecs(op.name, inputs, attrs), attrs),
          reduceBatch: false,
          accumulate: accumulate[0] === true,
          operands: [slots.a, slots.b, ...slots.normal],
          ends: [...slots.bias, ...slots.rest, ...outputs.map((_, i) => output(i))],
          normal: attrs.normal &&
            maps && { operand: attrs.normal, plane: elems(maps.shape.slice(2)), dtype: maps.dtype },
          end: end?.(rest, attrs),
          sums: sums === true ? { accumulate: accumulate[1] === true } : undefined,
        },
        variant,
      );
    },
  };
}

export const matmulNormKernels = fusedKernels(matmulNorm);
export const matmulGradWeightKernels = fusedKernels(matmulGradWeight, { sums: true });
export const matmulGeluKernels = fusedKernels(matmulGelu, {
  end: (_rest, { keep }) => ({ kind: 'gelu', keep }),
});
export const matmulGeluGradientKernels = fusedKernels(matmulGeluGradient, {
  end: () => ({ kind: 'gelu-gradient' }),
});
export const matmulResidualKernels = fusedKernels(matmulResidual, {
  end: ([x], { gamma, mask, keep }) => ({
    kind: 'residual',
    gamma,
    mask,
    keep,
    plane: elems(defined(x, 'x').shape.slice(2)),
  }),
});

export const kernels: readonly AnyKernels[] = [
  matmulNormKernels,
  matmulGradWeightKernels,
  matmulGeluKernels,
  matmulGeluGradientKernels,
  matmulResidualKernels,
];
