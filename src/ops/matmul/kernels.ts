import type { Kernels } from '../kernels.ts';
import type { Op } from '../op.ts';
import { elems } from '../tensor.ts';
import {
  type FusedMatmulAttrs,
  type NormalInput,
  matmulGelu,
  matmulGeluGradient,
  matmulGradWeight,
  matmulNorm,
  matmulResidual,
  matmulSpecs,
} from './fused.ts';
import { type MatmulVariant, isOnlySums, lowerMatmul, matmulVariants } from './gemm.ts';
import { hasHalf, matmul, matmulShape } from './op.ts';

export const matmulKernels: Kernels<typeof matmul, MatmulVariant> = {
  op: matmul,
  variants({ inputs, attrs, profile }) {
    const shape = matmulShape(inputs, attrs);
    const canSplit = isOnlySums({ ...attrs, shape, reduceBatch: attrs.reduceBatch === true });
    return matmulVariants(shape, profile, hasHalf(inputs), false, canSplit);
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

/** All operands and results that any of them has. */
type FusedOp = Op<
  FusedMatmulAttrs,
  NormalInput | 'h?' | 'addend?' | 'gamma?' | 'mask?',
  'y' | 'kept?' | 'sums?'
>;

function fusedKernels(
  op: FusedOp,
  epilogue?: 'gelu' | 'gelu_gradient' | 'residual',
): Kernels<FusedOp, MatmulVariant> {
  const shapeOf = (inputs: Parameters<FusedOp['infer']>[0], attrs: FusedMatmulAttrs) =>
    matmulShape(matmulSpecs(op.name, inputs, attrs), attrs);
  return {
    op,
    variants({ inputs, outputs, attrs, profile }) {
      const shape = shapeOf(inputs, attrs);
      const canSplit = epilogue === undefined && isOnlySums({ ...attrs, shape, reduceBatch: false });
      return matmulVariants(shape, profile, hasHalf(inputs), outputs.sums !== undefined, canSplit);
    },
    lower({ inputs, outputs, attrs, profile }, variant) {
      const maps = attrs.normal && inputs[attrs.normal];
      const plane = elems((inputs.addend ?? maps)?.shape.slice(2) ?? []);
      return lowerMatmul(
        {
          ...attrs,
          shape: shapeOf(inputs, attrs),
          reduceBatch: false,
          bindings: { ...inputs, ...outputs },
          normal: attrs.normal && { operand: attrs.normal, plane },
          epilogue: epilogue === 'residual' ? { kind: epilogue, plane } : epilogue && { kind: epilogue },
        },
        variant,
        profile,
      );
    },
  };
}

export const kernels = [
  matmulKernels,
  fusedKernels(matmulNorm),
  fusedKernels(matmulGradWeight),
  fusedKernels(matmulGelu, 'gelu'),
  fusedKernels(matmulGeluGradient, 'gelu_gradient'),
  fusedKernels(matmulResidual, 'residual'),
];
