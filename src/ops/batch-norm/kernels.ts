import type { DeviceProfile } from '../../device/profile.ts';
import type { ParamValue } from '../../shader/parameters.ts';
import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, scratch } from '../kernels.ts';
import { f32 } from '../tensor.ts';
import { batchNorm, batchNormGradient, normShape } from './op.ts';
import type { NormShape } from './reference.ts';

const WORKGROUP = 256;

interface Partition {
  /** Elements of an item. */
  readonly width: number;
  /** Items of a channel. */
  readonly items: number;
  /** Items of a part. */
  readonly run: number;
  /** Workgroups of a channel. */
  readonly parts: number;
}

/** How the elements of a channel are read: as vec4 if the row length allows it, split among workgroups. */
function partition({ n, c, area }: NormShape, { busyLanes }: DeviceProfile): Partition {
  const width = area % 4 === 0 ? 4 : 1;
  const items = (n * area) / width;
  const wanted = Math.min(Math.ceil(busyLanes / (WORKGROUP * c)), Math.ceil(items / (WORKGROUP * 2)));
  const run = Math.ceil(items / Math.max(1, wanted));
  return { width, items, run, parts: Math.ceil(items / run) };
}

/** The parameters of batch-norm/channel.wgsl. */
function channelParams(shape: NormShape, split: Partition): Record<string, number> {
  return { C: shape.c, AREA: shape.area, ITEMS: split.items, WIDTH: split.width };
}

/** First stage of a reduction: one workgroup per part of a channel. */
function staged(
  shape: NormShape,
  split: Partition,
  shader: string,
  bindings: Dispatch['bindings'],
  params: Readonly<Record<string, ParamValue>> = {},
): Dispatch {
  return {
    shader,
    params: { ...channelParams(shape, split), RUN: split.run, PARTS: split.parts, WORKGROUP, ...params },
    bindings,
    grid: flatGrid(shape.c * split.parts),
  };
}

/** Last stage: one item per invocation. */
function itemwise(
  shape: NormShape,
  split: Partition,
  shader: string,
  bindings: Dispatch['bindings'],
  params: Readonly<Record<string, ParamValue>> = {},
): Dispatch {
  const items = split.items * shape.c;
  return {
    shader,
    params: { C: shape.c, AREA: shape.area, WIDTH: split.width, TOTAL: items, WORKGROUP, ...params },
    bindings,
    grid: flatGrid(Math.ceil(items / WORKGROUP)),
  };
}

/** One channel per invocation. */
function channelwise(
  shape: NormShape,
  shader: string,
  bindings: Dispatch['bindings'],
  params: Readonly<Record<string, ParamValue>>,
): Dispatch {
  return {
    shader,
    params: { C: shape.c, WORKGROUP: 64, ...params },
    bindings,
    grid: flatGrid(Math.ceil(shape.c / 64)),
  };
}

interface StatisticsOperands {
  readonly x: Operand;
  readonly mean: Operand;
  readonly rstd: Operand;
  readonly running_mean?: Operand;
  readonly running_var?: Operand;
}

/** mean and rstd = 1/√(variance + eps) of each channel of x (n, c, area); moves running statistics, where they are given. */
export function channelStatistics(
  shape: NormShape,
  { x, ...channel }: StatisticsOperands,
  { eps, momentum = 0 }: { readonly eps: number; readonly momentum?: number },
  profile: DeviceProfile,
): readonly Dispatch[] {
  const split = partition(shape, profile);
  const { parts: count, run, items, width } = split;
  const parts = scratch(f32(shape.c, count, 2));
  return [
    staged(shape, split, 'batch-norm/statistics.wgsl', { x, parts }),
    channelwise(
      shape,
      'batch-norm/combine.wgsl',
      { parts, ...channel },
      { EPS: eps, MOMENTUM: momentum, PARTS: count, RUN: run * width, COUNT: items * width },
    ),
  ];
}

type TwoStage = { readonly kind: 'two-stage' };

const twoStage = (): readonly TwoStage[] => [{ kind: 'two-stage' }];

export const batchNormKernels: Kernels<typeof batchNorm, TwoStage> = {
  op: batchNorm,
  variants: twoStage,
  lower({ inputs, outputs: { y, mean, rstd }, attrs, profile }) {
    const { x, weight, bias, ...running } = inputs;
    const shape = normShape('batch-norm', x);
    const split = partition(shape, profile);
    const operands = { x, weight, bias, mean, rstd, y };
    const normalize = itemwise(shape, split, 'batch-norm/normalize.wgsl', operands, {
      RELU: attrs.relu === true,
    });
    const EPS = attrs.eps;
    if (!attrs.training)
      return [channelwise(shape, 'batch-norm/running.wgsl', { ...running, mean, rstd }, { EPS }), normalize];
    const updated = attrs.updateStatistics === false ? {} : running;
    return [...channelStatistics(shape, { x, mean, rstd, ...updated }, attrs, profile), normalize];
  },
};

export const batchNormGradientKernels: Kernels<typeof batchNormGradient, TwoStage> = {
  op: batchNormGradient,
  variants: twoStage,
  lower({ inputs, outputs: { dx, dweight, dbias }, attrs, profile }) {
    const { x, weight, bias, mean, rstd, dy } = inputs;
    const shape = normShape('batch-norm-gradient', x);
    const split = partition(shape, profile);
    const { parts: count, items, width } = split;
    const RELU = attrs.relu;
    const parts = scratch(f32(shape.c, count, 2));
    const means = scratch(f32(shape.c, 2));
    const affine = attrs.relu ? { weight, bias } : {};
    const last = itemwise(
      shape,
      split,
      'batch-norm/grad-input.wgsl',
      {
        dy,
        weight,
        rstd,
        dx,
        ...(attrs.training || attrs.relu ? { x, mean } : {}),
        bias: attrs.relu ? bias : undefined,
        means: attrs.training ? means : undefined,
      },
      { RELU },
    );
    if (!attrs.training && !attrs.parameters) return [last];
    return [
      staged(shape, split, 'batch-norm/grad-sums.wgsl', { x, dy, mean, rstd, ...affine, parts }, { RELU }),
      channelwise(
        shape,
        'batch-norm/grad-combine.wgsl',
        { parts, means, dweight, dbias },
        { PARTS: count, COUNT: items * width },
      ),
      last,
    ];
  },
};

export const kernels = [batchNormKernels, batchNormGradientKernels];
