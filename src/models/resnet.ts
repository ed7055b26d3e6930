import type { Shapes } from '../formats/names.ts';
import { batchNorm, conv2d, globalAveragePool, linear, maxPool, relu } from '../nn/layers.ts';
import { kaimingNormal } from '../nn/parameters.ts';
import type { Recording } from '../nn/recording.ts';
import { defined } from '../util/errors.ts';
import { defineFamily, unequalStages, type OtherNaming } from './family.ts';
import { resnetToHuggingface } from '../formats/names.ts';
import { sameNames } from '../formats/renaming.ts';
import { evaluationAt, type Block } from './model.ts';
import { depths, option, perStage, width, type CommonConfig, type Options } from './options.ts';
import { childrenOf, depthsFrom, extentsOf } from './recognise.ts';
import type { Tensor } from '../graph/graph.ts';
import { add } from '../ops/add/op.ts';
import { subsamplePad } from '../ops/subsample-pad/op.ts';

/**
 * ResNet (He et al. 2016) in torchvision's form (v1.5: a bottleneck strides in its 3×3 convolution) and in the CIFAR form with
 * parameter-free shortcuts (option A; akamaster/pytorch_resnet_cifar10).
 */
export interface ResNetConfig extends CommonConfig {
  readonly depths: readonly number[];
  /** torchvision's `planes`. */
  readonly dims: readonly number[];
}

const OPTIONS: Options<ResNetConfig> = {
  depths,
  dims: option(
    perStage(width),
    'Inner width of the blocks of each stage; bottlenecks put out four times as many channels.',
    {
      unit: 'channels',
    },
  ),
};

const IMAGENET_DIMS = [64, 128, 256, 512];
const CIFAR_DIMS = [16, 32, 64];

function imagenet(depths: readonly number[]): ResNetConfig {
  return { classes: 1000, channels: 3, depths, dims: IMAGENET_DIMS };
}

function cifar(blocks: number): ResNetConfig {
  return { classes: 10, channels: 3, depths: CIFAR_DIMS.map(() => blocks), dims: CIFAR_DIMS };
}

/** How a family's weights start: torchvision's Kaiming fan_out or, for CIFAR, Kaiming fan_in. */
type Fan = 'in' | 'out';

interface Convolution {
  readonly kernel: number;
  readonly stride?: number;
  readonly fan?: Fan;
  readonly after?: 'relu';
}

/** A bias-free convolution and its BatchNorm: modules conv`i` and bn`i`, or the two names given. */
function convBn(
  r: Recording,
  [conv, bn]: readonly [string, string],
  x: Tensor,
  out: number,
  { kernel, stride = 1, fan = 'out', after }: Convolution,
): Tensor {
  const channels = fan === 'out' ? out : defined(x.spec.shape[1], 'channels');
  const init = kaimingNormal(channels * kernel * kernel);
  return batchNorm(r, bn, conv2d(r, conv, x, out, { kernel, stride, bias: false, init }), after);
}

type Shortcut = (x: Tensor, out: number, stride: number) => Tensor;
type ResidualBlock = (r: Recording, x: Tensor, planes: number, stride: number, shortcut: Shortcut) => Tensor;

function basic(fan: Fan): ResidualBlock {
  return (r, x, planes, stride, shortcut) => {
    let y = convBn(r, ['conv1', 'bn1'], x, planes, { kernel: 3, stride, fan, after: 'relu' });
    y = convBn(r, ['conv2', 'bn2'], y, planes, { kernel: 3, fan });
    return relu(r, r.graph.one(add, { a: y, b: shortcut(x, planes, stride) }, {}));
  };
}

const bottleneck: ResidualBlock = (r, x, planes, stride, shortcut) => {
  let y = convBn(r, ['conv1', 'bn1'], x, planes, { kernel: 1, after: 'relu' });
  y = convBn(r, ['conv2', 'bn2'], y, planes, { kernel: 3, stride, after: 'relu' });
  y = convBn(r, ['conv3', 'bn3'], y, 4 * planes, { kernel: 1 });
  return relu(r, r.graph.one(add, { a: y, b: shortcut(x, 4 * planes, stride) }, {}));
};

/** Option B: a 1×1 convolution with BatchNorm where the shape changes. */
function projection(r: Recording): Shortcut {
  return (x, out, stride) =>
    stride === 1 && x.spec.shape[1] === out
      ? x
      : convBn(r, ['downsample.0', 'downsample.1'], x, out, { kernel: 1, stride });
}

/** Option A: every second row and column, zero channels on both sides. */
function padding(r: Recording): Shortcut {
  return (x, out, stride) =>
    stride === 1 && x.spec.shape[1] === out ? x : r.graph.one(subsamplePad, { x }, { channels: out });
}

function layers(
  r: Recording,
  x: Tensor,
  { depths, dims }: ResNetConfig,
  block: ResidualBlock,
  shortcut: Shortcut,
): Tensor {
  depths.forEach((depth, stage) => {
    for (let b = 0; b < depth; b++) {
      const stride = stage > 0 && b === 0 ? 2 : 1;
      const width = defined(dims[stage], `dims[${stage}]`);
      x = r.block(`layer${stage + 1}.${b}`, x, (input) => block(r, input, width, stride, shortcut));
    }
  });
  return x;
}

const recordImagenet = (block: ResidualBlock) => (r: Recording, x: Tensor, config: ResNetConfig) => {
  const first = defined(config.dims[0], 'dims[0]');
  x = convBn(r, ['conv1', 'bn1'], x, first, { kernel: 7, stride: 2, after: 'relu' });
  r.graph.tap('bn1', x);
  x = r.graph.tap('maxpool', maxPool(r, x, 3, 2, 1));
  x = layers(r, x, config, block, projection(r));
  return linear(r, 'fc', globalAveragePool(r, x), config.classes);
};

function recordCifar(r: Recording, x: Tensor, config: ResNetConfig): Tensor {
  const first = defined(config.dims[0], 'dims[0]');
  x = convBn(r, ['conv1', 'bn1'], x, first, { kernel: 3, fan: 'in', after: 'relu' });
  r.graph.tap('bn1', x);
  x = layers(r, x, config, basic('in'), padding(r));
  const pooled = globalAveragePool(r, x);
  const last = defined(pooled.spec.shape[1], 'channels');
  return linear(r, 'linear', pooled, config.classes, { init: kaimingNormal(last) });
}

/** @param changesFirst whether the first block of the first layer changes the number of channels */
const blocks =
  (changesFirst: boolean) =>
  ({ depths }: ResNetConfig): Block[] =>
    depths.flatMap((depth, stage) =>
      Array.from({ length: depth }, (_, b) => ({
        name: `layer${stage + 1}.${b}`,
        stage,
        removable: b > 0 || (stage === 0 && !changesFirst),
      })),
    );

/** conv1 and bn1, then one group for each stage, then the classifier. */
const layerDecay = {
  groups: ({ depths }: ResNetConfig) => depths.length + 2,
  groupOf: (parameter: string, { depths }: ResNetConfig) => {
    const [, stage] = /^layer(\d+)\./.exec(parameter) ?? [];
    if (stage !== undefined) return Number(stage);
    return /^(fc|linear)\./.test(parameter) ? depths.length + 1 : 0;
  },
};

/** The three forms differ in the names of their blocks and of their classifier. */
const recognise =
  (head: 'fc' | 'linear', isBottleneck: boolean) =>
  (shapes: Shapes): Partial<ResNetConfig> | undefined => {
    const found = depthsFrom((stage) => childrenOf(shapes, `layer${stage + 1}.`));
    if (found === undefined || !shapes.has('conv1.weight') || !shapes.has(`${head}.weight`)) return undefined;
    if (shapes.has('layer1.0.conv3.weight') !== isBottleneck) return undefined;
    const first = found.map((_, stage) => `layer${stage + 1}.0.conv1.weight`);
    const dims = extentsOf(shapes, first, 0);
    return dims && { depths: found, dims };
  };

const common = {
  options: OPTIONS,
  conflict: ({ depths, dims }: ResNetConfig) => unequalStages({ depths, dims }),
  layerDecay,
};

const imagenetFamily = {
  ...common,
  otherNames: (naming: OtherNaming, shapes: Shapes) =>
    naming === 'torchvision' ? sameNames(shapes) : resnetToHuggingface(shapes),
  head: 'fc',
  imageSize: () => 224,
  preprocessing: (_: ResNetConfig, pixels: number) => evaluationAt(pixels, { interpolation: 'bilinear' }),
};

export const resnetBasic = defineFamily<ResNetConfig>({
  ...imagenetFamily,
  name: 'resnet-basic',
  presets: { resnet18: imagenet([2, 2, 2, 2]), resnet34: imagenet([3, 4, 6, 3]) },
  record: recordImagenet(basic('out')),
  blocks: blocks(false),
  recognise: recognise('fc', false),
});

export const resnetBottleneck = defineFamily<ResNetConfig>({
  ...imagenetFamily,
  name: 'resnet-bottleneck',
  presets: { resnet50: imagenet([3, 4, 6, 3]) },
  record: recordImagenet(bottleneck),
  blocks: blocks(true),
  recognise: recognise('fc', true),
});

export const resnetCifar = defineFamily<ResNetConfig>({
  ...common,
  name: 'resnet-cifar',
  presets: { resnet20: cifar(3), resnet32: cifar(5), resnet44: cifar(7), resnet56: cifar(9) },
  record: recordCifar,
  blocks: blocks(false),
  head: 'linear',
  imageSize: () => 32,
  preprocessing: () => ({
    resize: null,
    crop: null,
    squash: false,
    interpolation: 'bilinear',
    normalization: 'imagenet',
  }),
  recognise: recognise('linear', false),
  timmNames: () => 'timm has no ResNet for CIFAR',
});
