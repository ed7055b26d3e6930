import type { Shapes } from '../formats/names.ts';
import type { CommonConfig } from './options.ts';
import { childrenOf, depthsFrom, extentsOf } from './recognise.ts';

/** What the modules of a Robust-ResNet are called, and what a state dict shows of its options. */

export const BLOCK_KINDS = ['dw', 'inverted-dw', 'up-inverted-dw', 'down-inverted-dw'] as const;
export type BlockKind = (typeof BLOCK_KINDS)[number];

/**
 * Robust-ResNet (Wang et al. 2023, Can CNNs Be More Robust Than Transformers?): ResNets with depthwise convolutions in four kinds of block,
 * and everything that the paper changes about them. Names are those of UCSC-VLAA/RobustCNN: timm/models/robust_resnet.py,
 * timm/models/layers/robust_resnet_blocks.py.
 */
export interface RobustResNetConfig extends CommonConfig {
  readonly depths: readonly number[];
  readonly dims: readonly number[];
  readonly kernels: readonly number[];
  readonly block: BlockKind;
  readonly stem: 'patch' | 'resnet';
  readonly stemPatch: number;
  readonly strides: readonly number[];
  readonly strideAt: 'first' | 'before';
  readonly norms: readonly number[];
  readonly activations: readonly number[];
  readonly layerScaleInit: number;
  readonly dropPath: number;
}

/** The norm behind convolution 1, 2 or 3 of a block; of down-inverted blocks the first is called norm2. */
export function normName(kind: BlockKind, position: number): string {
  return `norm${kind === 'down-inverted-dw' ? (position % 3) + 1 : position}`;
}

/** The options that entries in official names show: all but activations and the strides of stages that also widen. */
export function recogniseRobustResNet(shapes: Shapes): Partial<RobustResNetConfig> | undefined {
  const depths = depthsFrom((stage) => childrenOf(shapes, `stages.${stage}.blocks.`));
  if (depths === undefined || !shapes.has('head.fc.weight')) return undefined;
  const first = depths.map((_, stage) => `stages.${stage}.blocks.0`);
  const of = (module: string, axis: number) =>
    extentsOf(
      shapes,
      first.map((block) => `${block}.${module}.weight`),
      axis,
    );
  const kernels = of('conv_dw', -1);
  const kind = kindOf(shapes, of);
  const dims = of(kind === 'dw' ? 'pwconv1' : 'pwconv2', 0);
  if (kind === undefined || kernels === undefined || dims === undefined) return undefined;
  const [, , , stemPatch] = shapes.get('stem.weight') ?? [];
  const isLate = depths.some(
    (depth, s) => shapes.has(`stages.${s}.blocks.${depth - 1}.downsample.0.weight`) && depth > 1,
  );
  return {
    depths,
    dims,
    kernels,
    block: kind,
    norms: [1, 2, 3].filter((position) => shapes.has(`stages.0.blocks.0.${normName(kind, position)}.weight`)),
    strideAt: isLate ? 'before' : 'first',
    ...(stemPatch === undefined ? { stem: 'resnet' } : { stem: 'patch', stemPatch }),
    ...(shapes.has('stages.0.blocks.0.gamma') ? { layerScaleInit: 1e-6 } : {}),
  };
}

type Extents = (module: string, axis: number) => readonly number[] | undefined;

function kindOf(shapes: Shapes, of: Extents): BlockKind | undefined {
  const [wide, narrow, spatial, input] = [
    of('pwconv1', 0),
    of('pwconv2', 0),
    of('conv_dw', 0),
    of('pwconv1', 1),
  ];
  if (wide === undefined || narrow === undefined || spatial === undefined || input === undefined)
    return undefined;
  if ((narrow[0] ?? 0) > (wide[0] ?? 0)) return 'dw';
  if (spatial[0] === wide[0]) return 'inverted-dw';
  // Where a stage widens, up-inverted blocks do so before their first 1×1 convolution.
  const widening = narrow.findIndex((dim, stage) => stage > 0 && dim !== narrow[stage - 1]);
  if (widening >= 0) return input[widening] === narrow[widening] ? 'up-inverted-dw' : 'down-inverted-dw';
  return shapes.has('stages.0.blocks.0.norm1.weight') ? 'up-inverted-dw' : 'down-inverted-dw';
}
