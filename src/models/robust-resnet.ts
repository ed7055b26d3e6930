import type { Tensor } from '../graph/graph.ts';
import { dropPathRates } from '../nn/drop-path.ts';
import {
  batchNorm,
  conv2d,
  depthwise,
  globalAveragePool,
  linear,
  maxPool,
  relu,
  residual,
} from '../nn/layers.ts';
import { ZERO, kaimingNormal } from '../nn/parameters.ts';
import type { Recording } from '../nn/recording.ts';
import { choice, integer, list } from '../schema/fields.ts';
import { defined } from '../util/errors.ts';
import { defineFamily, unequalStages, type Conflict } from './family.ts';
import { evaluationAt, type Block } from './model.ts';
import {
  depths,
  dropPath,
  forAllStages,
  kernelSize,
  notNegative,
  option,
  perStage,
  width,
  type Options,
} from './options.ts';
import {
  BLOCK_KINDS,
  type BlockKind,
  type RobustResNetConfig,
  normName,
  recogniseRobustResNet,
} from './robust-resnet-names.ts';

const EXPANSION = 4;
/** Behind the addition of a block. */
const LAST = 4;

const OPTIONS: Options<RobustResNetConfig> = {
  depths,
  dims: option(
    perStage(width),
    'Width of each stage; blocks are four times as wide inside, `dw` blocks outside.',
    {
      unit: 'channels',
    },
  ),
  kernels: option(forAllStages(kernelSize), 'Depthwise kernel of each stage.', { unit: 'pixels' }),
  block: option(
    choice(...BLOCK_KINDS),
    'Order of the convolutions: `dw` narrows, convolves, widens; `inverted-dw` widens, convolves, narrows; `up-inverted-dw` convolves first, `down-inverted-dw` last.',
  ),
  stem: option(
    choice('patch', 'resnet'),
    '`patch` is one convolution; `resnet` 7×7 with stride 2, BatchNorm, ReLU and a max pool.',
  ),
  stemPatch: option(integer({ min: 1, max: 64 }), 'Of a `patch` stem: kernel and stride.', {
    unit: 'pixels',
  }),
  strides: option(
    perStage(integer({ min: 1, max: 2 })),
    'Stride of each stage: of one of its depthwise convolutions.',
    {
      unit: 'pixels',
    },
  ),
  strideAt: option(
    choice('first', 'before'),
    'Which block strides: `first` of the stage, or the one `before`, the last of the previous stage.',
  ),
  norms: option(
    list(integer({ min: 1, max: 3 }), 0, 3),
    'Convolutions of a block, counted from 1, with a BatchNorm behind.',
  ),
  activations: option(
    list(integer({ min: 1, max: LAST }), 0, LAST),
    'Convolutions of a block, counted from 1, with a ReLU behind (and behind the norm); 4 is behind the addition.',
  ),
  layerScaleInit: option(notNegative, 'First value of the layer scale; 0 leaves the layer scale out.'),
  dropPath,
};

function preset(block: BlockKind, third: number, own: Partial<RobustResNetConfig> = {}): RobustResNetConfig {
  return {
    classes: 1000,
    channels: 3,
    depths: [3, 4, third, 3],
    dims: [96, 192, 384, 768],
    kernels: [11, 11, 11, 11],
    block,
    stem: 'patch',
    stemPatch: 16,
    strides: [1, 1, 1, 2],
    strideAt: 'first',
    norms: [1],
    activations: [1],
    layerScaleInit: 0,
    dropPath: 0,
    ...own,
  };
}

/** Kaiming with fan_out of all output channels, whatever the groups; no bias at first. */
const weights = (out: number, kernel: number) => ({ init: kaimingNormal(out * kernel ** 2), bias: ZERO });

function pointwise(r: Recording, name: string, x: Tensor, out: number, stride = 1): Tensor {
  return conv2d(r, name, x, out, { kernel: 1, stride, ...weights(out, 1) });
}

function spatial(r: Recording, x: Tensor, out: number, kernel: number, stride: number): Tensor {
  const channels = defined(x.spec.shape[1], 'channels');
  const options = weights(out, kernel);
  return stride === 1 && out === channels
    ? depthwise(r, 'conv_dw', x, [kernel, kernel], options)
    : conv2d(r, 'conv_dw', x, out, { kernel, stride, groups: channels, ...options });
}

interface BlockShape {
  /** Width of the stage. */
  readonly dim: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dropPath: number;
}

/** The three convolutions of a branch, in order. */
function convolutions(r: Recording, kind: BlockKind, { dim, kernel, stride }: BlockShape) {
  const wide = EXPANSION * dim;
  const widen = (name: string) => (x: Tensor) => pointwise(r, name, x, wide);
  const narrow = (name: string) => (x: Tensor) => pointwise(r, name, x, dim);
  const convolve = (out: number) => (x: Tensor) => spatial(r, x, out, kernel, stride);
  switch (kind) {
    case 'dw':
      return [narrow('pwconv1'), convolve(dim), widen('pwconv2')];
    case 'inverted-dw':
      return [widen('pwconv1'), convolve(wide), narrow('pwconv2')];
    case 'up-inverted-dw':
      return [convolve(dim), widen('pwconv1'), narrow('pwconv2')];
    case 'down-inverted-dw':
      return [widen('pwconv1'), narrow('pwconv2'), convolve(dim)];
  }
}

function outWidth(kind: BlockKind, dim: number): number {
  return kind === 'dw' ? EXPANSION * dim : dim;
}

function block(r: Recording, x: Tensor, shape: BlockShape, config: RobustResNetConfig): Tensor {
  const { block: kind, norms, activations, layerScaleInit } = config;
  let y = x;
  convolutions(r, kind, shape).forEach((convolve, i) => {
    const isActive = activations.includes(i + 1);
    y = convolve(y);
    if (norms.includes(i + 1)) y = batchNorm(r, normName(kind, i + 1), y, isActive ? 'relu' : undefined);
    else if (isActive) y = relu(r, y);
  });
  const out = outWidth(kind, shape.dim);
  const shortcut =
    x.spec.shape[1] === out && shape.stride === 1
      ? x
      : batchNorm(r, 'downsample.1', pointwise(r, 'downsample.0', x, out, shape.stride));
  y = residual(r, shortcut, y, { layerScale: layerScaleInit, dropPath: shape.dropPath });
  return activations.includes(LAST) ? relu(r, y) : y;
}

function stem(r: Recording, x: Tensor, { stem, stemPatch, dims }: RobustResNetConfig): Tensor {
  const dim = defined(dims[0], 'dims[0]');
  if (stem === 'patch')
    return conv2d(r, 'stem', x, dim, {
      kernel: stemPatch,
      stride: stemPatch,
      padding: 0,
      ...weights(dim, stemPatch),
    });
  return r.scoped('stem', () => {
    const y = conv2d(r, '0', x, dim, { kernel: 7, stride: 2, ...weights(dim, 7) });
    return maxPool(r, batchNorm(r, '1', y, 'relu'), 3, 2, 1);
  });
}

/** Every block in order: its stage, its name and its stride. */
function blocksOf({ depths, strides, strideAt }: RobustResNetConfig) {
  return depths.flatMap((depth, stage) =>
    Array.from({ length: depth }, (_, b) => {
      const first = b === 0 && (strideAt === 'first' || stage === 0) ? strides[stage] : 1;
      const before = b === depth - 1 && strideAt === 'before' ? strides[stage + 1] : 1;
      return { stage, b, name: `stages.${stage}.blocks.${b}`, stride: Math.max(first ?? 1, before ?? 1) };
    }),
  );
}

function record(r: Recording, x: Tensor, config: RobustResNetConfig): Tensor {
  const blocks = blocksOf(config);
  const rates = dropPathRates(blocks.length, config.dropPath);
  x = r.graph.tap('stem', stem(r, x, config));
  blocks.forEach(({ name, stage, stride }, i) => {
    const shape = {
      dim: defined(config.dims[stage], `dims[${stage}]`),
      kernel: defined(config.kernels[stage], `kernels[${stage}]`),
      stride,
      dropPath: defined(rates[i], 'drop-path rate'),
    };
    x = r.block(name, x, (input) => block(r, input, shape, config));
  });
  return r.scoped('head', () => linear(r, 'fc', globalAveragePool(r, x), config.classes));
}

function conflict(config: RobustResNetConfig): Conflict | undefined {
  const { depths, dims, kernels, strides, norms, activations } = config;
  const stages = unequalStages({ depths, dims, kernels, strides });
  if (stages !== undefined) return stages;
  for (const [key, positions] of Object.entries({ norms, activations }))
    if (new Set(positions).size < positions.length)
      return {
        options: [key],
        found: `${key} [${positions.join(', ')}] names a place twice`,
        hint: 'Give each place once',
      };
  if (config.block !== 'up-inverted-dw') return undefined;
  // Its depthwise convolution widens: every output channel has one input channel.
  const odd = dims.findIndex((dim, i) => i > 0 && dim % (dims[i - 1] ?? dim) !== 0);
  if (odd < 0) return undefined;
  return {
    options: ['dims', 'block'],
    found: `dims[${odd}] ${dims[odd] ?? ''} is no multiple of dims[${odd - 1}] ${dims[odd - 1] ?? ''}, but up-inverted-dw widens by a depthwise convolution`,
    hint: 'Give widths that are multiples of the ones before',
  };
}

function blocks(config: RobustResNetConfig): Block[] {
  const { dims, block: kind } = config;
  return blocksOf(config).map(({ stage, b, name, stride }) => {
    const [own = 0, previous = 0] = [dims[stage], dims[stage - 1]];
    const entering = stage === 0 ? own : outWidth(kind, previous);
    const width = b === 0 ? entering : outWidth(kind, own);
    return { name, stage, removable: stride === 1 && width === outWidth(kind, own) };
  });
}

export const robustResNet = defineFamily<RobustResNetConfig>({
  name: 'robust-resnet',
  presets: {
    'robust-resnet-dw': preset('dw', 12, { activations: [LAST] }),
    'robust-resnet-inverted-dw': preset('inverted-dw', 14, { kernels: [7, 7, 7, 7] }),
    'robust-resnet-up-inverted-dw': preset('up-inverted-dw', 14, { activations: [2] }),
    'robust-resnet-down-inverted-dw': preset('down-inverted-dw', 15, { strideAt: 'before' }),
  },
  options: OPTIONS,
  conflict,
  record,
  blocks,
  head: 'head.fc',
  layerDecay: {
    groups: ({ depths }) => depths.length + 2,
    groupOf: (parameter, { depths }) => {
      const [, stage] = /^stages\.(\d+)\./.exec(parameter) ?? [];
      if (stage !== undefined) return Number(stage) + 1;
      return parameter.startsWith('head.') ? depths.length + 1 : 0;
    },
  },
  imageSize: () => 224,
  preprocessing: (_, pixels) => evaluationAt(pixels),
  recognise: recogniseRobustResNet,
  timmNames: () => 'timm has no Robust-ResNet; the official names are those of a fork of it',
});
