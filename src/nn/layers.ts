import { defined } from '../util/errors.ts';
import { ONE, ZERO, constant, torchDefault, type Initializer } from './parameters.ts';
import type { Recording } from './recording.ts';
import type { Tensor } from '../graph/graph.ts';
import { add } from '../ops/add/op.ts';
import { batchNorm as batchNormOp } from '../ops/batch-norm/op.ts';
import { conv2d as conv2dOp } from '../ops/conv2d/op.ts';
import { depthwise as depthwiseOp } from '../ops/depthwise/op.ts';
import { gelu as geluOp } from '../ops/gelu/op.ts';
import { layerNorm as layerNormOp } from '../ops/layer-norm/op.ts';
import type { LayerNormAttrs } from '../ops/layer-norm/shape.ts';
import { matmul } from '../ops/matmul/op.ts';
import { globalAveragePool as globalAveragePoolOp, maxPool as maxPoolOp } from '../ops/pool/op.ts';
import { relu as reluOp } from '../ops/relu/op.ts';
import { scaleResidual } from '../ops/scale-residual/op.ts';

/**
 * Layers as functions: each records its nodes and declares its parameters under the module name it is given. Maps are
 * (n, c, h, w), rows are (n·h·w, c). Names, shapes and default initialisers are PyTorch's.
 */

function extent(x: Tensor, axis: number): number {
  return defined(x.spec.shape[axis], `axis ${axis} of ${x.name}`);
}

export interface WeightOptions {
  /** Default: uniform in ±1/√fan_in. */
  readonly init?: Initializer;
  /** Initial bias, or false for none. Default: uniform in ±1/√fan_in. */
  readonly bias?: Initializer | false;
}

function biasOf(r: Recording, { bias }: WeightOptions, size: number, fanIn: number): Tensor | undefined {
  return bias === false ? undefined : r.parameter('bias', [size], bias ?? torchDefault(fanIn));
}

/** y = x Wᵀ + b. x (rows, cin) → (rows, out); weight (out, cin). */
export function linear(
  r: Recording,
  name: string,
  x: Tensor,
  out: number,
  options: WeightOptions = {},
): Tensor {
  return r.scoped(name, () => {
    const cin = extent(x, 1);
    const weight = r.parameter('weight', [out, cin], options.init ?? torchDefault(cin));
    const bias = biasOf(r, options, out, cin);
    const attrs = { transposeA: false, transposeB: true, bias: bias ? 'cols' : 'none' } as const;
    return r.graph.one(matmul, { a: x, b: weight, bias }, attrs);
  });
}

export interface ConvOptions extends WeightOptions {
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default kernel >> 1, which keeps the size of an odd kernel's map at stride 1. */
  readonly padding?: number;
  /** Default 1. */
  readonly groups?: number;
}

/** x (n, cin, h, w) → (n, out, h', w'); weight (out, cin/groups, k, k). */
export function conv2d(r: Recording, name: string, x: Tensor, out: number, options: ConvOptions): Tensor {
  const { kernel, stride = 1, padding = kernel >> 1, groups = 1 } = options;
  return r.scoped(name, () => {
    const cin = extent(x, 1) / groups;
    const fanIn = cin * kernel * kernel;
    const weight = r.parameter('weight', [out, cin, kernel, kernel], options.init ?? torchDefault(fanIn));
    const bias = biasOf(r, options, out, fanIn);
    const attrs = { stride: [stride, stride] as const, padding: [padding, padding] as const, groups };
    return r.graph.one(conv2dOp, { x, weight, bias }, attrs);
  });
}

/** Depthwise convolution, stride 1, same size. x (n, c, h, w); weight (c, 1, kh, kw). */
export function depthwise(
  r: Recording,
  name: string,
  x: Tensor,
  [kh, kw]: readonly [kh: number, kw: number],
  options: WeightOptions = {},
): Tensor {
  return r.scoped(name, () => {
    const c = extent(x, 1);
    const weight = r.parameter('weight', [c, 1, kh, kw], options.init ?? torchDefault(kh * kw));
    const bias = biasOf(r, options, c, kh * kw);
    return r.graph.one(depthwiseOp, { x, weight, bias }, {});
  });
}

/** LayerNorm over channels, eps 1e-6 unless said otherwise; `from` and `to` are the layouts before and after. */
export function layerNorm(
  r: Recording,
  name: string,
  x: Tensor,
  { eps = 1e-6, from, to }: Omit<LayerNormAttrs, 'eps'> & { readonly eps?: number },
): Tensor {
  return r.scoped(name, () => {
    const c = extent(x, 1);
    const weight = r.parameter('weight', [c], ONE);
    const bias = r.parameter('bias', [c], ZERO);
    return r.graph.one(layerNormOp, { x, weight, bias }, { eps, from, to });
  });
}

/**
 * BatchNorm over maps, eps 1e-5, momentum 0.1: batch statistics in training, running ones otherwise.
 * @param after ReLU in the same pass over the data
 */
export function batchNorm(r: Recording, name: string, x: Tensor, after?: 'relu'): Tensor {
  return r.scoped(name, () => {
    const c = extent(x, 1);
    const weight = r.parameter('weight', [c], ONE);
    const bias = r.parameter('bias', [c], ZERO);
    const [running_mean, running_var] = r.runningStatistics(c);
    const attrs = { eps: 1e-5, momentum: 0.1, training: r.training, relu: after === 'relu' };
    return r.graph.one(batchNormOp, { x, weight, bias, running_mean, running_var }, attrs);
  });
}

export function gelu(r: Recording, x: Tensor): Tensor {
  return r.graph.one(geluOp, { x }, {});
}

export function relu(r: Recording, x: Tensor): Tensor {
  return r.graph.one(reluOp, { x }, {});
}

/** The mean of each map: (n, c, h, w) → (n, c). */
export function globalAveragePool(r: Recording, x: Tensor): Tensor {
  return r.graph.one(globalAveragePoolOp, { x }, {});
}

/** Maximum over square windows; padding counts as minus infinity. */
export function maxPool(r: Recording, x: Tensor, kernel: number, stride: number, padding: number): Tensor {
  return r.graph.one(
    maxPoolOp,
    { x },
    {
      kernel: [kernel, kernel],
      stride: [stride, stride],
      padding: [padding, padding],
    },
  );
}

export interface ResidualOptions {
  /** Layout of the branch. Default nchw. */
  readonly from?: 'rows' | 'nchw';
  /** Initial layer scale; absent or 0 for none. */
  readonly layerScale?: number;
  /** Probability that a sample skips the branch in training. Default 0. */
  readonly dropPath?: number;
}

/**
 * x + mask · branch: the end of a residual branch on tokens.
 * @param x (n·tokens, c), as the branch is
 * @param n images
 */
export function residualOfTokens(
  r: Recording,
  x: Tensor,
  branch: Tensor,
  n: number,
  dropPath: number,
): Tensor {
  const mask = r.dropPath(dropPath, n);
  if (mask === undefined) return r.graph.one(add, { a: x, b: branch }, {});
  return r.graph.one(scaleResidual, { x, branch, mask }, { from: 'tokens' });
}

/** x + mask · gamma · branch: the end of a residual block. x (n, c, h, w); the branch as maps or rows. */
export function residual(r: Recording, x: Tensor, branch: Tensor, options: ResidualOptions = {}): Tensor {
  const { from = 'nchw', layerScale = 0, dropPath = 0 } = options;
  const gamma = layerScale > 0 ? r.parameter('gamma', [extent(x, 1)], constant(layerScale)) : undefined;
  const mask = r.dropPath(dropPath, extent(x, 0));
  if (gamma === undefined && mask === undefined && from === 'nchw')
    return r.graph.one(add, { a: x, b: branch }, {});
  return r.graph.one(scaleResidual, { x, branch, gamma, mask }, { from });
}
