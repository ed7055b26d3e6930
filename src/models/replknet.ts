import { dropPathRates } from '../nn/drop-path.ts';
import {
  batchNorm,
  conv2d,
  depthwise,
  gelu,
  globalAveragePool,
  linear,
  relu,
  residual,
} from '../nn/layers.ts';
import type { Recording } from '../nn/recording.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import {
  flag,
  listOf,
  nullable,
  oddInteger,
  positive,
  positiveInteger,
  rate,
  sameLength,
  type Fields,
} from './config.ts';
import { largeKernel } from './large-kernel.ts';
import { defineFamily, evaluationAt, type Block, type CommonConfig } from './model.ts';
import type { Tensor } from '../graph/graph.ts';

/**
 * RepLKNet (Ding et al. 2022): stages that alternate large-kernel blocks and convolutional feed-forward blocks, all of them
 * BatchNorm networks. Names and defaults are those of DingXiaoH/RepLKNet-pytorch.
 */
export interface RepLKNetConfig extends CommonConfig {
  /** Large-kernel blocks of each stage; as many feed-forward blocks follow them. */
  readonly layers: readonly number[];
  readonly dims: readonly number[];
  /** Kernel size of each stage, odd. */
  readonly kernels: readonly number[];
  /** Size of the small kernel beside the large one, or null for none. */
  readonly small: number | null;
  /** The depthwise convolutions act on int(dim · dwRatio) channels. */
  readonly dwRatio: number;
  /** Hidden channels of the feed-forward blocks are dim · ffnRatio. */
  readonly ffnRatio: number;
  /** The inference form: one biased convolution in place of large kernel, small kernel and their norms (see merge.ts). */
  readonly merged: boolean;
  /** Drop-path rate of the last pair of blocks. */
  readonly dropPath: number;
}

const FIELDS: Fields<RepLKNetConfig> = {
  classes: positiveInteger,
  channels: positiveInteger,
  layers: listOf(positiveInteger),
  dims: listOf(positiveInteger),
  kernels: listOf(oddInteger),
  small: nullable(oddInteger),
  dwRatio: positive,
  ffnRatio: positive,
  merged: flag,
  dropPath: rate,
};

function size(
  dims: readonly number[],
  kernels: readonly number[],
  small: number | null,
  dwRatio = 1,
): RepLKNetConfig {
  const rest = { classes: 1000, channels: 3, ffnRatio: 4, merged: false, dropPath: 0 };
  return { ...rest, layers: [2, 2, 18, 2], dims, kernels, small, dwRatio };
}

function record(r: Recording, x: Tensor, config: RepLKNetConfig): Tensor {
  const { dims, layers } = config;
  x = stem(r, x, defined(dims[0], 'dims[0]'));
  const rates = dropPathRates(
    layers.reduce((sum, count) => sum + count, 0),
    config.dropPath,
  );
  let pair = 0;
  layers.forEach((count, stage) => {
    for (let b = 0; b < count; b++) {
      const dropPath = defined(rates[pair++], 'drop-path rate');
      const path = `stages.${stage}.blocks`;
      x = r.block(`${path}.${2 * b}`, x, (input) => largeKernelBlock(r, input, stage, dropPath, config));
      x = r.block(`${path}.${2 * b + 1}`, x, (input) => feedForward(r, input, dropPath, config));
    }
    const next = dims[stage + 1];
    if (next !== undefined) x = transition(r, `transitions.${stage}`, x, next);
  });
  x = r.graph.tap('norm', batchNorm(r, 'norm', x));
  return linear(r, 'head', globalAveragePool(r, x), config.classes);
}

type Convolution = (name: string, x: Tensor) => Tensor;

const dense =
  (r: Recording, out: number, kernel: number, stride = 1): Convolution =>
  (name, x) =>
    conv2d(r, name, x, out, { kernel, stride, bias: false });

/** Depthwise 3×3. */
function depthwise3(r: Recording, stride: 1 | 2): Convolution {
  return (name, x) => {
    const c = defined(x.spec.shape[1], 'channels');
    return stride === 1
      ? depthwise(r, name, x, [3, 3], { bias: false })
      : conv2d(r, name, x, c, { kernel: 3, stride, groups: c, bias: false });
  };
}

/** Convolution, then BatchNorm. */
function convBn(r: Recording, name: string, x: Tensor, convolve: Convolution, after?: 'relu'): Tensor {
  return r.scoped(name, () => batchNorm(r, 'bn', convolve('conv', x), after));
}

function convBnRelu(r: Recording, name: string, x: Tensor, convolve: Convolution): Tensor {
  return r.graph.tap(name, convBn(r, name, x, convolve, 'relu'));
}

function stem(r: Recording, x: Tensor, dim: number): Tensor {
  x = convBnRelu(r, 'stem.0', x, dense(r, dim, 3, 2));
  x = convBnRelu(r, 'stem.1', x, depthwise3(r, 1));
  x = convBnRelu(r, 'stem.2', x, dense(r, dim, 1));
  return convBnRelu(r, 'stem.3', x, depthwise3(r, 2));
}

function transition(r: Recording, name: string, x: Tensor, dim: number): Tensor {
  x = convBnRelu(r, `${name}.0`, x, dense(r, dim, 1));
  return convBnRelu(r, `${name}.1`, x, depthwise3(r, 2));
}

function largeKernelBlock(
  r: Recording,
  x: Tensor,
  stage: number,
  dropPath: number,
  { kernels, small, dwRatio, merged }: RepLKNetConfig,
): Tensor {
  const dim = defined(x.spec.shape[1], 'channels');
  const kernel = defined(kernels[stage], `kernels[${stage}]`);
  let y = batchNorm(r, 'prelkb_bn', x);
  y = convBn(r, 'pw1', y, dense(r, Math.trunc(dim * dwRatio), 1), 'relu');
  y = relu(r, largeKernel(r, y, { kernel, small, merged }));
  y = convBn(r, 'pw2', y, dense(r, dim, 1));
  return residual(r, x, y, { dropPath });
}

function feedForward(r: Recording, x: Tensor, dropPath: number, { ffnRatio }: RepLKNetConfig): Tensor {
  const dim = defined(x.spec.shape[1], 'channels');
  let y = batchNorm(r, 'preffn_bn', x);
  y = gelu(r, convBn(r, 'pw1', y, dense(r, Math.trunc(dim * ffnRatio), 1)));
  y = convBn(r, 'pw2', y, dense(r, dim, 1));
  return residual(r, x, y, { dropPath });
}

function check(config: RepLKNetConfig, name: string): void {
  const { layers, dims, kernels, small } = config;
  sameLength(name, { layers, dims, kernels });
  const smallest = Math.min(...kernels);
  if (small !== null && small > smallest)
    throw new FrameworkError(
      'model/config',
      `${name}: small is ${small}, but the smallest of kernels [${kernels.join(', ')}] is ${smallest}.`,
      { hint: 'Set model.small=null, or a size no kernel is below.' },
    );
}

function blocks({ layers }: RepLKNetConfig): Block[] {
  return layers.flatMap((count, stage) =>
    Array.from({ length: 2 * count }, (_, b) => ({
      name: `stages.${stage}.blocks.${b}`,
      stage,
      removable: true,
    })),
  );
}

/** (DingXiaoH/RepLKNet-pytorch: optim_factory.py) */
function layerOf(name: string): number {
  const [part, stage, , b] = name.split('.');
  const middle = Math.min(11, 3 + Math.floor(Number(b) / 4));
  if (part === 'stem') return 0;
  if (part === 'stages') return defined([1, 2, middle, 12][Number(stage)], `layer of ${name}`);
  if (part === 'transitions') return defined([1, 2, 11][Number(stage)], `layer of ${name}`);
  return 13;
}

export const replknet = defineFamily<RepLKNetConfig>({
  name: 'replknet',
  presets: {
    'replknet-31b': size([128, 256, 512, 1024], [31, 29, 27, 13], 5),
    'replknet-31l': size([192, 384, 768, 1536], [31, 29, 27, 13], 5),
    'replknet-xl': size([256, 512, 1024, 2048], [27, 27, 27, 13], null, 1.5),
    'replknet-3b': size([128, 256, 512, 1024], [3, 3, 3, 3], null),
  },
  fields: FIELDS,
  check,
  record,
  blocks,
  layerOf,
  layers: 14,
  preprocessing: (_, pixels, name) => {
    const normalization = name === 'replknet-xl' ? 'half' : 'imagenet';
    return evaluationAt(pixels, { normalization, squash: pixels >= 384 });
  },
});
