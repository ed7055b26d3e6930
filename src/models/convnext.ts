import type { Shapes } from '../formats/names.ts';
import { convnextToOther, convnextToTimm } from '../formats/names.ts';
import { dropPathRates } from '../nn/drop-path.ts';
import { conv2d, depthwise, gelu, globalAveragePool, layerNorm, linear, residual } from '../nn/layers.ts';
import { ZERO, truncNormal } from '../nn/parameters.ts';
import type { Recording } from '../nn/recording.ts';
import { boolean, choice, integer, orAuto, orNone } from '../schema/fields.ts';
import { defined } from '../util/errors.ts';
import { defineFamily, unequalStages, type Conflict } from './family.ts';
import { largeKernel, recogniseLargeKernels } from './large-kernel.ts';
import { evaluationAt, type Block } from './model.ts';
import {
  depths,
  dropPath,
  factor,
  forAllStages,
  kernelSize,
  notNegative,
  option,
  perStage,
  width,
} from './options.ts';
import type { CommonConfig, Options } from './options.ts';
import { childrenOf, depthsFrom, extentsOf } from './recognise.ts';
import type { Tensor } from '../graph/graph.ts';

/**
 * ConvNeXt (Liu et al. 2022) with a kernel size for each stage, as it is or in SLaK's framework (Liu et al. 2023): BatchNorm
 * behind bias-free depthwise convolutions, an optional small kernel beside the large one, and the large one optionally as two
 * strips. Names are those of facebookresearch/ConvNeXt and VITA-Group/SLaK.
 */
export interface ConvNextConfig extends CommonConfig {
  readonly depths: readonly number[];
  readonly dims: readonly number[];
  readonly kernels: readonly number[];
  readonly stemStride: number;
  readonly stemPatch: number | 'auto';
  readonly variant: 'plain' | 'slak';
  readonly smallKernel: number | 'none';
  readonly decomposed: boolean;
  readonly bn: boolean;
  readonly merged: boolean;
  readonly widthFactor: number;
  readonly layerScaleInit: number;
  readonly headInitScale: number;
  readonly dropPath: number;
}

const PAPER = 'facebookresearch/ConvNeXt: main.py';
const SLAK = 'VITA-Group/SLaK: main.py';

const OPTIONS: Options<ConvNextConfig> = {
  depths,
  dims: option(perStage(width), 'Width of each stage.', { unit: 'channels' }),
  kernels: option(forAllStages(kernelSize), 'Depthwise kernel of each stage.', { unit: 'pixels' }),
  stemStride: option(
    integer({ min: 1, max: 255 }),
    'Stride of the patch stem: 4 for ImageNet, 1 or 2 for small images.',
    { unit: 'pixels' },
  ),
  stemPatch: option(orAuto(integer({ min: 1, max: 255 })), 'Kernel of the stem; `auto` is its stride.', {
    unit: 'pixels',
  }),
  variant: option(
    choice('plain', 'slak'),
    '`plain` changes the kernel of the depthwise convolution only; `slak` has the BatchNorm, no bias and the small branch of the SLaK code.',
    { source: 'VITA-Group/SLaK: models/SLaK.py' },
  ),
  smallKernel: option(
    orNone(kernelSize),
    'Of `slak`: kernel of the parallel small branch, in the blocks whose kernel is larger.',
    { unit: 'pixels', source: SLAK },
  ),
  decomposed: option(boolean, 'Of `slak`: k×n and n×k kernels in place of k×k, n the small kernel.', {
    source: `${SLAK}, Decom`,
  }),
  bn: option(boolean, 'Of `slak`: BatchNorm behind the depthwise convolutions.', { source: `${SLAK}, bn` }),
  merged: option(
    boolean,
    'Of `slak`: the inference form, one biased kernel in place of the branches; `largekernel merge` makes its weights.',
  ),
  widthFactor: option(factor, 'Of `slak`: factor on all widths; a width becomes the whole number below.', {
    source: `${SLAK}, width_factor`,
  }),
  layerScaleInit: option(notNegative, 'First value of the layer scale; 0 leaves the layer scale out.', {
    source: PAPER,
  }),
  headInitScale: option(notNegative, 'Factor on the initial weights of the classifier.', {
    source: PAPER,
    onlyTraining: true,
  }),
  dropPath,
};

function size(depths: readonly number[], dims: readonly number[]): ConvNextConfig {
  return {
    classes: 1000,
    channels: 3,
    depths,
    dims,
    kernels: depths.map(() => 7),
    stemStride: 4,
    stemPatch: 'auto',
    variant: 'plain',
    smallKernel: 'none',
    decomposed: false,
    bn: true,
    merged: false,
    widthFactor: 1,
    layerScaleInit: 1e-6,
    headInitScale: 1,
    dropPath: 0,
  };
}

const TINY = size([3, 3, 9, 3], [96, 192, 384, 768]);

/** SLaK's framework without the sparsity: dense 51-49-47-13 kernels beside 5×5 ones. */
const SLAK_TINY: ConvNextConfig = { ...TINY, variant: 'slak', kernels: [51, 49, 47, 13], smallKernel: 5 };

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
  const { stemStride: stride } = config;
  const kernel = stemKernel(config);
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
  return residual(r, x, rows, { from: 'rows', layerScale: config.layerScaleInit, dropPath });
}

function slakBranches({ smallKernel, decomposed, bn, merged }: ConvNextConfig, kernel: number) {
  const small = smallKernel === 'none' ? null : smallKernel;
  const beside = small !== null && small < kernel ? small : null;
  return { kernel, strips: decomposed ? small : null, small: beside, bn, merged };
}

function stemKernel({ stemPatch, stemStride }: ConvNextConfig): number {
  return stemPatch === 'auto' ? stemStride : stemPatch;
}

function conflict(config: ConvNextConfig): Conflict | undefined {
  const { depths, dims, kernels, variant, stemStride, smallKernel, decomposed, bn, merged, widthFactor } =
    config;
  const stages = unequalStages({ depths, dims, kernels });
  if (stages !== undefined) return stages;
  const patch = stemKernel(config);
  if (patch < stemStride || (patch - stemStride) % 2 !== 0)
    return {
      options: ['stemPatch', 'stemStride'],
      found: `stemPatch ${patch} must exceed stemStride ${stemStride} by an even number or equal it`,
      hint: 'Leave stemPatch out, or set it to auto',
    };
  const slakOnly = {
    smallKernel: smallKernel !== 'none',
    decomposed,
    merged,
    bn: !bn,
    widthFactor: widthFactor !== 1,
  };
  const [asked] = Object.entries(slakOnly).find(([, given]) => given) ?? [];
  if (variant === 'plain' && asked !== undefined)
    return {
      options: ['variant', asked],
      found: `variant is plain, but ${asked} is ${String(config[asked as keyof ConvNextConfig])}; smallKernel, decomposed, bn, merged and widthFactor belong to variant slak`,
      hint: 'Set model.variant=slak, or leave these options out',
    };
  if (decomposed && smallKernel === 'none')
    return {
      options: ['decomposed', 'smallKernel'],
      found: 'decomposed needs smallKernel, the width of its strips, which is none',
      hint: 'Set model.smallKernel=5',
    };
  return undefined;
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

function recognise(shapes: Shapes): Partial<ConvNextConfig> | undefined {
  const stemStride = shapes.get('downsample_layers.0.0.weight')?.at(-1);
  const found = depthsFrom((stage) => childrenOf(shapes, `stages.${stage}.`));
  if (stemStride === undefined || found === undefined) return undefined;
  const first = found.map((_, stage) => `stages.${stage}.0`);
  const dims = extentsOf(
    shapes,
    first.map((block) => `${block}.norm.weight`),
    0,
  );
  const plain = extentsOf(
    shapes,
    first.map((block) => `${block}.dwconv.weight`),
    -1,
  );
  const kernels = plain ? { kernels: plain } : recogniseLargeKernels(shapes, first);
  if (dims === undefined || kernels === undefined) return undefined;
  const noScale = shapes.has('stages.0.0.gamma') ? {} : { layerScaleInit: 0 };
  const variant = plain
    ? ({ variant: 'plain', smallKernel: 'none' } as const)
    : ({ variant: 'slak' } as const);
  return { depths: found, dims, stemStride, ...noScale, ...variant, ...kernels };
}

/** timm's ConvNeXts of these sizes have 1×1 convolutions in place of linear layers. (timm/models/convnext.py: conv_mlp) */
const CONV_MLP = /^convnext-(atto|femto|pico|nano)$/;

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
    // For your own data: set depths, dims, kernels and stem.
    'convnext-custom': size([2, 2, 6, 2], [40, 80, 160, 320]),
  },
  options: OPTIONS,
  conflict,
  record,
  blocks,
  head: 'head',
  layerDecay: { groups: () => 14, groupOf: layerOf },
  imageSize: () => 224,
  preprocessing: (_, pixels, name) =>
    pixels >= 384
      ? evaluationAt(pixels, { squash: true })
      : evaluationAt(pixels, name === 'convnext-nano' ? { ratio: 0.95 } : {}),
  recognise,
  // A stride leaves no trace. Kernels of 1 and 2 allow one only, all published stems of 4 have 4.
  assumed: ({ stemStride }) => (stemStride === 4 || stemStride < 3 ? undefined : 'stemStride'),
  timmNames: (shapes, { variant }, name) =>
    variant === 'slak'
      ? 'timm has no large_kernel modules'
      : convnextToTimm(shapes, { convMlp: CONV_MLP.test(name) }),
  otherNames: convnextToOther,
});
