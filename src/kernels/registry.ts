import { accumulate } from './accumulate.ts';
import { add } from './add.ts';
import { cast } from './cast.ts';
import { columnSum, rowSum } from './column-sum.ts';
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from './depthwise.ts';
import { gelu, geluGradient } from './gelu.ts';
import { layerNorm, layerNormGradient, layerNormStatistics } from './layer-norm.ts';
import {
  matmulGelu,
  matmulGeluGradient,
  matmulGradWeight,
  matmulNorm,
  matmulResidual,
} from './matmul-fused.ts';
import { matmul } from './matmul.ts';
import type { AnyOp } from './op.ts';
import { batchNorm, batchNormGradient } from './batch-norm.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight } from './conv2d.ts';
import { softCrossEntropy, softCrossEntropyGradient } from './cross-entropy.ts';
import { adjustLossScale, scaleLoss } from './loss-scale.ts';
import { adamw, adamwEma, clipFactor, ema, sgdMomentum, sgdMomentumEma } from './optimizer.ts';
import {
  averagePool,
  averagePoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
} from './pool.ts';
import { nonFinite, scale, spread, sum, sumSquares } from './reduce.ts';
import { relu, reluGradient } from './relu.ts';
import { subsamplePad, subsamplePadGradient } from './shortcut.ts';
import { scaleResidual, scaleResidualGradient, toMaps, toRows } from './scale-residual.ts';

/** Every op of the project: `largekernel kernels` lists them, `largekernel doctor` proves them on the user's adapter. */
export const OPS: readonly AnyOp[] = [
  accumulate,
  add,
  depthwise,
  depthwiseGradInput,
  depthwiseGradWeight,
  gelu,
  geluGradient,
  columnSum,
  layerNorm,
  layerNormGradient,
  layerNormStatistics,
  matmul,
  matmulGelu,
  matmulGeluGradient,
  matmulGradWeight,
  matmulNorm,
  matmulResidual,
  rowSum,
  scaleResidual,
  scaleResidualGradient,
  toMaps,
  toRows,
  adamw,
  adamwEma,
  adjustLossScale,
  averagePool,
  averagePoolGradient,
  batchNorm,
  batchNormGradient,
  cast,
  clipFactor,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
  ema,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
  nonFinite,
  relu,
  reluGradient,
  scale,
  scaleLoss,
  sgdMomentum,
  sgdMomentumEma,
  softCrossEntropy,
  softCrossEntropyGradient,
  spread,
  subsamplePad,
  subsamplePadGradient,
  sum,
  sumSquares,
];
