import { bitToHuggingface, bitToOfficial, type Shapes } from '../formats/names.ts';
import type { Tensor } from '../graph/graph.ts';
import {
  averagePool,
  conv2d,
  globalAveragePool,
  groupNorm,
  maxPool,
  residual,
  standardConv2d,
} from '../nn/layers.ts';
import { ZERO } from '../nn/parameters.ts';
import type { Recording } from '../nn/recording.ts';
import { integer } from '../schema/fields.ts';
import { defined } from '../util/errors.ts';
import { defineFamily, unequalStages, type Conflict } from './family.ts';
import { evaluationAt, type Block } from './model.ts';
import { depths, option, perStage, width, type CommonConfig, type Options } from './options.ts';
import { childrenOf, depthsFrom, extentsOf } from './recognise.ts';

/**
 * BiT (Kolesnikov et al. 2020): ResNet-v2 with GroupNorm and weight standardisation. (google-research/big_transfer:
 * bit_pytorch/models.py.) Names are those of timm (resnetv2_101x3_bitm).
 */
export interface BitConfig extends CommonConfig {
  readonly depths: readonly number[];
  readonly dims: readonly number[];
  readonly groups: number;
}

const OPTIONS: Options<BitConfig> = {
  depths,
  dims: option(
    perStage(width),
    'Inner width of the blocks of each stage; bottlenecks put out four times as many channels, the stem as many as the first.',
    { unit: 'channels' },
  ),
  groups: option(integer({ min: 1, max: 2 ** 16 }), 'Groups of every GroupNorm.', { unit: 'groups' }),
};

/** @param factor on the widths of ResNet-50 */
function size(depths: readonly number[], factor: number): BitConfig {
  const dims = [64, 128, 256, 512].map((dim) => dim * factor);
  return { classes: 1000, channels: 3, depths, dims, groups: 32 };
}

function record(r: Recording, x: Tensor, config: BitConfig): Tensor {
  const stem = defined(config.dims[0], 'dims[0]');
  x = standardConv2d(r, 'stem.conv', x, stem, { kernel: 7, stride: 2 });
  x = maxPool(r, r.graph.tap('stem.conv', x), 3, 2, 1, 'zeros');
  config.depths.forEach((depth, stage) => {
    const dim = defined(config.dims[stage], `dims[${stage}]`);
    for (let b = 0; b < depth; b++)
      x = r.block(`stages.${stage}.blocks.${b}`, x, (input) =>
        unit(r, input, {
          dim,
          isFirst: b === 0,
          stride: stage > 0 && b === 0 ? 2 : 1,
          groups: config.groups,
        }),
      );
  });
  x = groupNorm(r, 'norm', x, config.groups, 'relu');
  const { spec } = x;
  const [, , h = 1, w = 1] = spec.shape;
  // A 1×1 convolution, as timm stores it, of maps of one pixel.
  const logits = conv2d(r, 'head.fc', averagePool(r, x, h, w), config.classes, {
    kernel: 1,
    init: ZERO,
    bias: ZERO,
  });
  return globalAveragePool(r, logits);
}

interface Unit {
  /** Inner width. */
  readonly dim: number;
  readonly isFirst: boolean;
  readonly stride: number;
  readonly groups: number;
}

/** A bottleneck whose norms stand before its convolutions; the first of a stage projects what the first norm made. */
function unit(r: Recording, x: Tensor, { dim, isFirst, stride, groups }: Unit): Tensor {
  const out = 4 * dim;
  const a = groupNorm(r, 'norm1', x, groups, 'relu');
  const shortcut = isFirst ? standardConv2d(r, 'downsample.conv', a, out, { kernel: 1, stride }) : x;
  let y = standardConv2d(r, 'conv1', a, dim, { kernel: 1 });
  y = groupNorm(r, 'norm2', y, groups, 'relu');
  y = standardConv2d(r, 'conv2', y, dim, { kernel: 3, stride });
  y = groupNorm(r, 'norm3', y, groups, 'relu');
  return residual(r, shortcut, standardConv2d(r, 'conv3', y, out, { kernel: 1 }));
}

function conflict({ depths, dims, groups }: BitConfig): Conflict | undefined {
  const odd = dims.find((dim) => dim % groups !== 0);
  if (odd === undefined) return unequalStages({ depths, dims });
  return {
    options: ['groups', 'dims'],
    found: `groups ${groups} does not divide ${odd} of dims`,
    hint: 'Give widths that groups divides',
  };
}

const blocks = ({ depths }: BitConfig): Block[] =>
  depths.flatMap((depth, stage) =>
    Array.from({ length: depth }, (_, b) => ({
      name: `stages.${stage}.blocks.${b}`,
      stage,
      removable: b > 0,
    })),
  );

function recognise(shapes: Shapes): Partial<BitConfig> | undefined {
  const found = depthsFrom((stage) => childrenOf(shapes, `stages.${stage}.blocks.`));
  if (found === undefined || !shapes.has('stem.conv.weight') || !shapes.has('norm.weight')) return undefined;
  const first = found.map((_, stage) => `stages.${stage}.blocks.0.conv1.weight`);
  const dims = extentsOf(shapes, first, 0);
  return dims && { depths: found, dims };
}

export const bit = defineFamily<BitConfig>({
  name: 'bit',
  presets: { 'bit-m-r101x3': size([3, 4, 23, 3], 3), 'bit-m-r152x4': size([3, 8, 36, 3], 4) },
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
      return /^(norm|head)\./.test(parameter) ? depths.length + 1 : 0;
    },
  },
  // Fine-tuned and evaluated at 480; timm takes the middle of 448 pixels for the smaller one.
  imageSize: () => 480,
  preprocessing: (_, pixels) =>
    evaluationAt(pixels, { squash: true, interpolation: 'bilinear', normalization: 'half' }),
  recognise,
  officialNames: bitToOfficial,
  otherNames: (naming, shapes) =>
    naming === 'torchvision' ? 'torchvision has no BiT' : bitToHuggingface(shapes),
});
