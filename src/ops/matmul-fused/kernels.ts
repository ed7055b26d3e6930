import { defined } from '../../util/errors.ts';
import { type AnyKernels, type Kernels, type Slot, input, output } from '../kernels.ts';
import {
  type MatmulBindings,
  type MatmulEnd,
  isOnlySums,
  lowerMatmul,
  matmulVariants,
} from '../matmul/gemm.ts';
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
  /** What the end reads. */
  readonly bind?: (rest: readonly Slot[], attrs: A) => Partial<MatmulBindings>;
  /** One more output: the sums of the columns of a, which is transposed. */
  readonly sums?: boolean;
}

function fusedKernels<A extends FusedMatmulAttrs>(
  op: Op<A>,
  { end, bind, sums }: Ending<A> = {},
): Kernels<A> {
  return {
    op,
    variants({ inputs, attrs, profile }) {
      const shape = matmulShape(productSpecs(op.name, inputs, attrs), attrs);
      const canCut = end === undefined && isOnlySums({ ...attrs, shape, reduceBatch: false });
      return matmulVariants(shape, profile, hasHalf(inputs), sums, canCut);
    },
    lower({ inputs, outputs, attrs, accumulate, profile }, variant) {
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
          bindings: {
            a: slots.a,
            b: slots.b,
            bias: slots.bias[0],
            statistics: slots.normal[0],
            norm_weight: slots.normal[1],
            norm_bias: slots.normal[2],
            ...bind?.(slots.rest, attrs),
            y: output(0, accumulate[0]),
            [sums === true ? 'sums' : 'kept']: outputs.length > 1 ? output(1, accumulate[1]) : undefined,
          },
          normal: attrs.normal &&
            maps && { operand: attrs.normal, plane: elems(maps.shape.slice(2)), dtype: maps.dtype },
          end: end?.(rest, attrs),
        },
        variant,
        profile,
      );
    },
  };
}

export const matmulNormKernels = fusedKernels(matmulNorm);
export const matmulGradWeightKernels = fusedKernels(matmulGradWeight, { sums: true });
export const matmulGeluKernels = fusedKernels(matmulGelu, {
  end: () => ({ kind: 'gelu' }),
});
export const matmulGeluGradientKernels = fusedKernels(matmulGeluGradient, {
  end: () => ({ kind: 'gelu_gradient' }),
  bind: ([h]) => ({ h }),
});
export const matmulResidualKernels = fusedKernels(matmulResidual, {
  end: ([x]) => ({ kind: 'residual', plane: elems(defined(x, 'x').shape.slice(2)) }),
  bind: ([addend, ...factors], { gamma, mask }) => ({
    addend,
    gamma: gamma ? factors[0] : undefined,
    mask: mask ? factors[Number(gamma)] : undefined,
  }),
});

export const kernels: readonly AnyKernels[] = [
  matmulNormKernels,
  matmulGradWeightKernels,
  matmulGeluKernels,
  matmulGeluGradientKernels,
  matmulResidualKernels,
];
