import { defined } from '../util/errors.ts';
import { ONE, ZERO, constant, torchDefault, type Initializer } from './parameters.ts';
import type { Recording } from './recording.ts';
import type { Tensor } from '../graph/graph.ts';
import { add } from '../ops/add/op.ts';
import { batchNorm as batchNormOp } from '../ops/batch-norm/op.ts';
import { concat } from '../ops/concat/op.ts';
import { conv2d as conv2dOp } from '../ops/conv2d/op.ts';
import { depthwise as depthwiseOp } from '../ops/depthwise/op.ts';
import { gelu as geluOp } from '../ops/gelu/op.ts';
import { groupNorm as groupNormOp } from '../ops/group-norm/op.ts';
import { layerNorm as layerNormOp } from '../ops/layer-norm/op.ts';
import type { LayerNormAttrs } from '../ops/layer-norm/shape.ts';
import { matmul } from '../ops/matmul/op.ts';
import {
  averagePool as averagePoolOp,
  globalAveragePool as globalAveragePoolOp,
  maxPool as maxPoolOp,
} from '../ops/pool/op.ts';
import { relu as reluOp } from '../ops/relu/op.ts';
import { scaleResidual } from '../ops/scale-residual/op.ts';
import { standardize } from '../ops/standardize/op.ts';
import { elems } from '../ops/tensor.ts';

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
  /** Bytes beyond which a weight lies in pieces on the device. Default: what every adapter can bind. */
  readonly largest?: number;
}

/** x (n, cin, h, w) → (n, out, h', w'); weight (out, cin/groups, k, k). */
export function conv2d(r: Recording, name: string, x: Tensor, out: number, options: ConvOptions): Tensor {
  const { groups = 1, kernel } = options;
  const shape = [out, extent(x, 1) / groups, kernel, kernel];
  const parts = groups === 1 ? partsOf(shape, options.largest) : 1;
  const fanIn = elems(shape) / out;
  return r.scoped(name, () => {
    const weights = r.parameterParts('weight', shape, options.init ?? torchDefault(fanIn), parts);
    const biases =
      options.bias === false
        ? []
        : r.parameterParts('bias', [out], options.bias ?? torchDefault(fanIn), parts);
    return convolve(r, x, weights, biases, options);
  });
}

/**
 * Convolution without bias whose weight is standardised: mean 0 and variance 1 for each output channel.
 * (google-research/big_transfer: bit_pytorch/models.py, StdConv2d; eps 1e-10 in all three of its codes)
 */
export function standardConv2d(
  r: Recording,
  name: string,
  x: Tensor,
  out: number,
  options: Omit<ConvOptions, 'bias' | 'groups'>,
): Tensor {
  const { kernel } = options;
  const shape = [out, extent(x, 1), kernel, kernel];
  return r.scoped(name, () => {
    const init = options.init ?? torchDefault(elems(shape) / out);
    const eps = 1e-10;
    const parts = partsOf(shape, options.largest);
    const weights = r
      .parameterParts('weight', shape, init, parts, { standardEps: eps })
      .map((weight) => (r.folded ? weight : r.graph.one(standardize, { weight }, { eps })));
    return convolve(r, x, weights, [], options);
  });
}

/** What every WebGPU adapter can bind. */
const LARGEST_BINDING = 2 ** 27;

/** Equal pieces, by output channels, of a weight that is larger than a binding. */
function partsOf(shape: readonly number[], largest = LARGEST_BINDING): number {
  const [out = 1] = shape;
  let parts = Math.ceil((4 * elems(shape)) / largest);
  while (parts < out && out % parts !== 0) parts++;
  return parts;
}

/** A convolution by one weight or, in pieces along the output channels, by several. */
function convolve(
  r: Recording,
  x: Tensor,
  weights: readonly Tensor[],
  biases: readonly Tensor[],
  { kernel, stride = 1, padding = kernel >> 1, groups = 1 }: ConvOptions,
): Tensor {
  const attrs = { stride: [stride, stride] as const, padding: [padding, padding] as const, groups };
  return weights
    .map((weight, i) => r.graph.one(conv2dOp, { x, weight, bias: biases[i] }, attrs))
    .reduce((a, b) => r.graph.one(concat, { a, b }, {}));
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

/**
 * GroupNorm over maps, eps 1e-5.
 * @param after ReLU in the same pass over the data
 */
export function groupNorm(r: Recording, name: string, x: Tensor, groups: number, after?: 'relu'): Tensor {
  return r.scoped(name, () => {
    const c = extent(x, 1);
    const weight = r.parameter('weight', [c], ONE);
    const bias = r.parameter('bias', [c], ZERO);
    return r.graph.one(groupNormOp, { x, weight, bias }, { groups, eps: 1e-5, relu: after === 'relu' });
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

/** The mean of windows of h × w pixels, side by side: (n, c, H, W) → (n, c, H/h, W/w). */
export function averagePool(r: Recording, x: Tensor, h: number, w: number): Tensor {
  return r.graph.one(averagePoolOp, { x }, { kernel: [h, w], stride: [h, w], padding: [0, 0] });
}

/** Maximum over square windows; padding counts as minus infinity, or as `zeros`. */
export function maxPool(
  r: Recording,
  x: Tensor,
  kernel: number,
  stride: number,
  padding: number,
  border?: 'zeros',
): Tensor {
  return r.graph.one(
    maxPoolOp,
    { x },
    {
      kernel: [kernel, kernel],
      stride: [stride, stride],
      padding: [padding, padding],
      ...(border === 'zeros' ? { zeroPadding: true } : {}),
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
