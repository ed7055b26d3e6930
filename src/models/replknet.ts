import type { Shapes } from '../formats/names.ts';
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
import { boolean, orNone } from '../schema/fields.ts';
import { defined } from '../util/errors.ts';
import { defineFamily, unequalStages, type Conflict } from './family.ts';
import { largeKernel, recogniseLargeKernels } from './large-kernel.ts';
import { evaluationAt, type Block } from './model.ts';
import { depths, dropPath, factor, forAllStages, kernelSize, option, perStage, width } from './options.ts';
import type { CommonConfig, Options } from './options.ts';
import { childrenOf, depthsFrom, extentsOf } from './recognise.ts';
import type { Tensor } from '../graph/graph.ts';

/**
 * RepLKNet (Ding et al. 2022): stages that alternate large-kernel blocks and convolutional feed-forward blocks, all of them
 * BatchNorm networks. Names and defaults are those of DingXiaoH/RepLKNet-pytorch.
 */
export interface RepLKNetConfig extends CommonConfig {
  /** Large-kernel blocks of each stage; as many feed-forward blocks follow them. */
  readonly depths: readonly number[];
  readonly dims: readonly number[];
  readonly kernels: readonly number[];
  readonly smallKernel: number | 'none';
  readonly dwRatio: number;
  readonly ffnRatio: number;
  readonly merged: boolean;
  readonly dropPath: number;
}

const SOURCE = 'DingXiaoH/RepLKNet-pytorch: replknet.py';

const OPTIONS: Options<RepLKNetConfig> = {
  depths,
  dims: option(perStage(width), 'Width of each stage.', { unit: 'channels' }),
  kernels: option(forAllStages(kernelSize), 'Depthwise kernel of each stage.', { unit: 'pixels' }),
  smallKernel: option(orNone(kernelSize), 'Kernel of the parallel small branch.', {
    unit: 'pixels',
    source: SOURCE,
  }),
  dwRatio: option(factor, 'The depthwise convolutions act on int(width · dwRatio) channels.', {
    source: `${SOURCE}, dw_ratio`,
  }),
  ffnRatio: option(factor, 'The feed-forward blocks have int(width · ffnRatio) hidden channels.', {
    source: `${SOURCE}, ffn_ratio`,
  }),
  merged: option(
    boolean,
    'The inference form, one biased kernel in place of the branches; `largekernel merge` makes its weights.',
    { source: `${SOURCE}, structural_reparam` },
  ),
  dropPath,
};

function size(
  dims: readonly number[],
  kernels: readonly number[],
  smallKernel: number | 'none',
  dwRatio = 1,
): RepLKNetConfig {
  const rest = { classes: 1000, channels: 3, ffnRatio: 4, merged: false, dropPath: 0 };
  return { ...rest, depths: [2, 2, 18, 2], dims, kernels, smallKernel, dwRatio };
}

function record(r: Recording, x: Tensor, config: RepLKNetConfig): Tensor {
  const { dims, depths } = config;
  x = stem(r, x, defined(dims[0], 'dims[0]'));
  const rates = dropPathRates(
    depths.reduce((sum, count) => sum + count, 0),
    config.dropPath,
  );
  let pair = 0;
  depths.forEach((count, stage) => {
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
  { kernels, smallKernel, dwRatio, merged }: RepLKNetConfig,
): Tensor {
  const dim = defined(x.spec.shape[1], 'channels');
  const kernel = defined(kernels[stage], `kernels[${stage}]`);
  const small = smallKernel === 'none' ? null : smallKernel;
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

function conflict({ depths, dims, kernels, smallKernel }: RepLKNetConfig): Conflict | undefined {
  const smallest = Math.min(...kernels);
  if (smallKernel !== 'none' && smallKernel > smallest)
    return {
      options: ['smallKernel', 'kernels'],
      found: `smallKernel is ${smallKernel}, but the smallest of kernels [${kernels.join(', ')}] is ${smallest}`,
      hint: 'Set model.smallKernel=none, or a size no kernel is below',
    };
  return unequalStages({ depths, dims, kernels });
}

function blocks({ depths }: RepLKNetConfig): Block[] {
  return depths.flatMap((count, stage) =>
    Array.from({ length: 2 * count }, (_, b) => ({
      name: `stages.${stage}.blocks.${b}`,
      stage,
      removable: true,
      whole: `stages.${stage}.pair.${b >> 1}`,
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

function recognise(shapes: Shapes): Partial<RepLKNetConfig> | undefined {
  const found = depthsFrom((stage) => childrenOf(shapes, `stages.${stage}.blocks.`) / 2);
  if (!shapes.has('stem.0.conv.weight') || found === undefined) return undefined;
  const first = found.map((_, stage) => `stages.${stage}.blocks.0`);
  const dims = extentsOf(
    shapes,
    first.map((block) => `${block}.prelkb_bn.weight`),
    0,
  );
  const large = recogniseLargeKernels(shapes, first);
  if (dims === undefined || large === undefined) return undefined;
  const { kernels, merged, smallKernel } = large;
  return { depths: found, dims, kernels, merged, ...(smallKernel === undefined ? {} : { smallKernel }) };
}

export const replknet = defineFamily<RepLKNetConfig>({
  name: 'replknet',
  presets: {
    'replknet-31b': size([128, 256, 512, 1024], [31, 29, 27, 13], 5),
    'replknet-31l': size([192, 384, 768, 1536], [31, 29, 27, 13], 5),
    'replknet-xl': size([256, 512, 1024, 2048], [27, 27, 27, 13], 'none', 1.5),
    'replknet-3b': size([128, 256, 512, 1024], [3, 3, 3, 3], 'none'),
  },
  options: OPTIONS,
  conflict,
  record,
  blocks,
  head: 'head',
  layerDecay: { groups: () => 14, groupOf: layerOf },
  imageSize: () => 224,
  preprocessing: (_, pixels, name) => {
    const normalization = name === 'replknet-xl' ? 'half' : 'imagenet';
    return evaluationAt(pixels, { normalization, squash: pixels >= 384 });
  },
  recognise,
  timmNames: () => 'timm has no RepLKNet',
});
