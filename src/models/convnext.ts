import { dropPathRates } from '../nn/drop-path.ts';
import { conv2d, depthwise, gelu, globalAveragePool, layerNorm, linear, residual } from '../nn/layers.ts';
import { ZERO, truncNormal } from '../nn/parameters.ts';
import type { Recording } from '../nn/recording.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import {
  flag,
  listOf,
  nonNegative,
  nullable,
  oddInteger,
  oneOf,
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
 * ConvNeXt (Liu et al. 2022) with a kernel size for each stage, as it is or in SLaK's framework (Liu et al. 2023): BatchNorm
 * behind bias-free depthwise convolutions, an optional small kernel beside the large one, and the large one optionally as two
 * strips. Names are those of facebookresearch/ConvNeXt and VITA-Group/SLaK.
 */
export interface ConvNextConfig extends CommonConfig {
  readonly depths: readonly number[];
  readonly dims: readonly number[];
  /** Depthwise kernel size of each stage, odd. */
  readonly kernels: readonly number[];
  /** Size and stride of the first convolution: 4 and 4 for ImageNet; 1 or 2 for small images. */
  readonly stemPatch: number;
  readonly stemStride: number;
  readonly variant: 'plain' | 'slak';
  /** slak: size of the small kernel beside each larger one, or null for none. */
  readonly small: number | null;
  /** slak: a k×k kernel as the sum of k×small and small×k. */
  readonly decomposed: boolean;
  /** slak: BatchNorm behind the depthwise convolutions. */
  readonly bn: boolean;
  /** slak: the inference form, one biased convolution in place of the branches (see merge.ts). */
  readonly merged: boolean;
  /** slak: dims become int(dim · widthFactor). */
  readonly widthFactor: number;
  /** Initial layer scale; 0 for none. */
  readonly layerScale: number;
  readonly headInitScale: number;
  /** Drop-path rate of the last block. */
  readonly dropPath: number;
}

const FIELDS: Fields<ConvNextConfig> = {
  classes: positiveInteger,
  channels: positiveInteger,
  depths: listOf(positiveInteger),
  dims: listOf(positiveInteger),
  kernels: listOf(oddInteger),
  stemPatch: positiveInteger,
  stemStride: positiveInteger,
  variant: oneOf('plain', 'slak'),
  small: nullable(oddInteger),
  decomposed: flag,
  bn: flag,
  merged: flag,
  widthFactor: positive,
  layerScale: nonNegative,
  headInitScale: nonNegative,
  dropPath: rate,
};

function size(depths: readonly number[], dims: readonly number[]): ConvNextConfig {
  return {
    classes: 1000,
    channels: 3,
    depths,
    dims,
    kernels: depths.map(() => 7),
    stemPatch: 4,
    stemStride: 4,
    variant: 'plain',
    small: null,
    decomposed: false,
    bn: true,
    merged: false,
    widthFactor: 1,
    layerScale: 1e-6,
    headInitScale: 1,
    dropPath: 0,
  };
}

const TINY = size([3, 3, 9, 3], [96, 192, 384, 768]);

/** SLaK's framework without the sparsity: dense 51-49-47-13 kernels beside 5×5 ones. */
const SLAK_TINY: ConvNextConfig = { ...TINY, variant: 'slak', kernels: [51, 49, 47, 13], small: 5 };

const weights = { init: truncNormal(), bias: ZERO };

function record(r: Recording, x: Tensor, config: ConvNextConfig): Tensor {
  const dims = config.dims.map((dim) => Math.trunc(dim * config.widthFactor));
  const blocks = config.depths.reduce((sum, depth) => sum + depth, 0);
  const rates = dropPathRates(blocks, config.dropPath);
  let index = 0;
  config.depths.forEach((depth, stage) => {
    const dim = defined(dims[stage], `dims[${stage}]`);
    x = r.tapped(`downsample_layers.${stage}`, () => downsample(r, x, stage, dim, config));
    for (let b = 0; b < depth; b++) {
      const dropPath = defined(rates[index++], 'drop-path rate');
      x = r.block(`stages.${stage}.${b}`, x, (input) => block(r, input, stage, dropPath, config));
    }
  });
  x = layerNorm(r, 'norm', globalAveragePool(r, x), { from: 'rows', to: 'rows' });
  return linear(r, 'head', r.graph.tap('norm', x), config.classes, {
    init: truncNormal(0.02, config.headInitScale),
    bias: ZERO,
  });
}

function downsample(r: Recording, x: Tensor, stage: number, dim: number, config: ConvNextConfig): Tensor {
  const maps = { from: 'nchw', to: 'nchw' } as const;
  if (stage > 0) {
    const y = layerNorm(r, '0', x, maps);
    return conv2d(r, '1', y, dim, { kernel: 2, stride: 2, padding: 0, ...weights });
  }
  const { stemPatch: kernel, stemStride: stride } = config;
  const y = conv2d(r, '0', x, dim, { kernel, stride, padding: (kernel - stride) / 2, ...weights });
  return layerNorm(r, '1', y, maps);
}

function block(r: Recording, x: Tensor, stage: number, dropPath: number, config: ConvNextConfig): Tensor {
  const kernel = defined(config.kernels[stage], `kernels[${stage}]`);
  const dim = defined(x.spec.shape[1], 'channels');
  const maps =
    config.variant === 'plain'
      ? depthwise(r, 'dwconv', x, [kernel, kernel], weights)
      : largeKernel(r, x, { ...slakBranches(config, kernel), init: truncNormal() });
  let rows = layerNorm(r, 'norm', maps, { from: 'nchw', to: 'rows' });
  rows = gelu(r, linear(r, 'pwconv1', rows, 4 * dim, weights));
  rows = linear(r, 'pwconv2', rows, dim, weights);
  return residual(r, x, rows, { from: 'rows', layerScale: config.layerScale, dropPath });
}

function slakBranches({ small, decomposed, bn, merged }: ConvNextConfig, kernel: number) {
  const beside = small !== null && small < kernel ? small : null;
  return { kernel, strips: decomposed ? small : null, small: beside, bn, merged };
}

function check(config: ConvNextConfig, name: string): void {
  const { depths, dims, kernels, variant, stemPatch, stemStride } = config;
  sameLength(name, { depths, dims, kernels });
  if (stemPatch < stemStride || (stemPatch - stemStride) % 2 !== 0)
    throw new FrameworkError(
      'model/config',
      `${name}: stemPatch ${stemPatch} must exceed stemStride ${stemStride} by an even number or equal it.`,
    );
  const slakOnly = config.small !== null || config.decomposed || config.merged || config.widthFactor !== 1;
  if (variant === 'plain' && slakOnly)
    throw new FrameworkError(
      'model/config',
      `${name}: small, decomposed, merged and widthFactor belong to variant slak, but variant is plain.`,
      { hint: 'Set model.variant=slak or drop these options.' },
    );
  if (config.decomposed && config.small === null)
    throw new FrameworkError('model/config', `${name}: decomposed needs small, the width of its strips.`);
}

function blocks({ depths }: ConvNextConfig): Block[] {
  return depths.flatMap((depth, stage) =>
    Array.from({ length: depth }, (_, b) => ({ name: `stages.${stage}.${b}`, stage, removable: true })),
  );
}

/** (facebookresearch/ConvNeXt: optim_factory.py, made for stages of 3, 3, 27, 3 blocks) */
function layerOf(name: string): number {
  const [part, stage, b] = name.split('.');
  if (part === 'downsample_layers') return defined([0, 2, 3, 12][Number(stage)], `layer of ${name}`);
  if (part !== 'stages') return 13;
  return defined([1, 2, Math.min(11, 3 + Math.floor(Number(b) / 3)), 12][Number(stage)], `layer of ${name}`);
}

export const convnext = defineFamily<ConvNextConfig>({
  name: 'convnext',
  presets: {
    'convnext-atto': size([2, 2, 6, 2], [40, 80, 160, 320]),
    'convnext-femto': size([2, 2, 6, 2], [48, 96, 192, 384]),
    'convnext-pico': size([2, 2, 6, 2], [64, 128, 256, 512]),
    'convnext-nano': size([2, 2, 8, 2], [80, 160, 320, 640]),
    'convnext-t': TINY,
    'convnext-s': size([3, 3, 27, 3], [96, 192, 384, 768]),
    'convnext-b': size([3, 3, 27, 3], [128, 256, 512, 1024]),
    'convnext-l': size([3, 3, 27, 3], [192, 384, 768, 1536]),
    'convnext-xl': size([3, 3, 27, 3], [256, 512, 1024, 2048]),
    'slak-t': SLAK_TINY,
    // For data of one's own: give depths, dims, kernels and stem.
    'convnext-custom': size([2, 2, 6, 2], [40, 80, 160, 320]),
  },
  fields: FIELDS,
  check,
  record,
  blocks,
  layerOf,
  layers: 14,
  preprocessing: (_, pixels, name) =>
    pixels >= 384
      ? evaluationAt(pixels, { squash: true })
      : evaluationAt(pixels, name === 'convnext-nano' ? { ratio: 0.95 } : {}),
});
