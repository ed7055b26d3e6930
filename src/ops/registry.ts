/** Every op: one line each. src/execution/kernels.ts looks them up. */

export { kernels as accumulate } from './accumulate/kernels.ts';
export { kernels as add } from './add/kernels.ts';
export { kernels as attention } from './attention/kernels.ts';
export { kernels as batchNorm } from './batch-norm/kernels.ts';
export { kernels as cast } from './cast/kernels.ts';
export { kernels as columnSum } from './column-sum/kernels.ts';
export { kernels as conv2d } from './conv2d/kernels.ts';
export { kernels as crossEntropy } from './cross-entropy/kernels.ts';
export { kernels as depthwise } from './depthwise/kernels.ts';
export { kernels as distillation } from './distillation/kernels.ts';
export { kernels as gelu } from './gelu/kernels.ts';
export { kernels as layerNorm } from './layer-norm/kernels.ts';
export { kernels as layout } from './layout/kernels.ts';
export { kernels as lossScale } from './loss-scale/kernels.ts';
export { kernels as matmul } from './matmul/kernels.ts';
export { kernels as optimizer } from './optimizer/kernels.ts';
export { kernels as pool } from './pool/kernels.ts';
export { kernels as reduce } from './reduce/kernels.ts';
export { kernels as relu } from './relu/kernels.ts';
export { kernels as rowSum } from './row-sum/kernels.ts';
export { kernels as scale } from './scale/kernels.ts';
export { kernels as scaleResidual } from './scale-residual/kernels.ts';
export { kernels as softmax } from './softmax/kernels.ts';
export { kernels as subsamplePad } from './subsample-pad/kernels.ts';
export { kernels as tokens } from './tokens/kernels.ts';
