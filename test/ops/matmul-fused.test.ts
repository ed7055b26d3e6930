import { type CaseOf, testKernels, testOp } from './harness.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';
import type { AnyKernels, LowerContext } from '../../src/ops/kernels.ts';
import {
  matmulGelu,
  matmulGeluGradient,
  matmulGradWeight,
  matmulNorm,
  matmulResidual,
} from '../../src/ops/matmul/fused.ts';
import { MATMUL_TILES } from '../../src/ops/matmul/gemm.ts';
import type { AnyOp } from '../../src/ops/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

/** What normalises maps of 3×36×2×10. */
const NORM = { statistics: f32(120), norm_weight: f32(36), norm_bias: f32(36) };

testOp(matmulNorm, [
  ...matmulNorm.examples,
  // Every form that a batch of maps can take beside tiles: more channels than a tile is deep, rows over several images.
  {
    inputs: { a: f32(3, 36, 2, 10), b: f32(68, 36), ...NORM },
    attrs: { transposeA: false, transposeB: true, bias: 'none', normal: 'a' },
  },
  {
    inputs: { a: f32(60, 35), b: f32(3, 36, 2, 10), ...NORM },
    attrs: { transposeA: true, transposeB: false, bias: 'none', normal: 'b' },
  },
]);
testOp(matmulResidual, matmulResidual.examples);
testOp(matmulGradWeight, [
  ...matmulGradWeight.examples,
  // So many rows that their sum is cut.
  {
    inputs: { a: f32(2060, 13), b: f32(2060, 18) },
    attrs: { transposeA: true, transposeB: false, bias: 'none' },
  },
]);

// The tiles meant for GPUs: the smallest, and once the largest, where compiling it takes seconds and not minutes.
const smallest = { variants: () => MATMUL_TILES.slice(-1) };
const largest = {
  variants: ({ profile: { limits } }: Pick<LowerContext<unknown>, 'profile'>) =>
    MATMUL_TILES.slice(0, limits.maxComputeInvocationsPerWorkgroup > 256 ? 1 : 0),
};
/** An op's kernels with other variants, under another name. */
function named(op: AnyOp, name: string, variants: Pick<AnyKernels, 'variants'>): AnyKernels {
  return { ...kernelsOf(op), op: { ...op, name }, ...variants };
}

const ragged: CaseOf<typeof matmulResidual> = {
  inputs: { a: f32(72, 20), b: f32(45, 20), bias: f32(45), addend: f32(2, 45, 6, 6), gamma: f32(45) },
  attrs: { transposeA: false, transposeB: true, bias: 'cols', keep: true },
};
const tall: CaseOf<typeof matmulGradWeight> = {
  inputs: { a: f32(2060, 13), b: f32(2060, 18) },
  attrs: { transposeA: true, transposeB: false, bias: 'none' },
};
testKernels(named(matmulNorm, 'matmul-norm tile', smallest), matmulNorm.examples);
testKernels(named(matmulNorm, 'matmul-norm large tile', largest), matmulNorm.examples.slice(0, 1));
testKernels(named(matmulGradWeight, 'matmul-grad-weight tile', smallest), [
  ...matmulGradWeight.examples,
  tall,
]);
testKernels(named(matmulGradWeight, 'matmul-grad-weight large tile', largest), [
  ...matmulGradWeight.examples.slice(-1),
]);
testKernels(named(matmulResidual, 'matmul-residual tile', smallest), [...matmulResidual.examples, ragged]);
testKernels(named(matmulResidual, 'matmul-residual large tile', largest), [ragged]);
testOp(matmulGelu, matmulGelu.examples);
testOp(matmulGeluGradient, [
  ...matmulGeluGradient.examples,
  {
    inputs: { a: f32(21, 18), b: f32(18, 35), h: f32(21, 35) },
    attrs: { transposeA: false, transposeB: false, bias: 'none' },
  },
]);
