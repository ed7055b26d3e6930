import { accumulate } from './accumulate.ts';
import { add } from './add.ts';
import { columnSum, rowSum } from './column-sum.ts';
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from './depthwise.ts';
import { gelu, geluGradient } from './gelu.ts';
import { layerNorm, layerNormGradient } from './layer-norm.ts';
import { matmul } from './matmul.ts';
import type { AnyOp } from './op.ts';
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
  matmul,
  rowSum,
  scaleResidual,
  scaleResidualGradient,
  toMaps,
  toRows,
];
