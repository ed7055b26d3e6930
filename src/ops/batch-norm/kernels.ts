import type { DeviceProfile } from '../../device/profile.ts';
import type { ParamValue } from '../../shader/parameters.ts';
import { flatGrid } from '../dispatches.ts';
import {
  type AnyKernels,
  type Dispatch,
  type Kernels,
  type LowerContext,
  type Lowering,
  type Slot,
  input,
  output,
  scratch,
} from '../kernels.ts';
import { f32 } from '../tensor.ts';
import {
  type BatchNormAttrs,
  type BatchNormGradientAttrs,
  batchNorm,
  batchNormGradient,
  normShape,
} from './op.ts';
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

/** How the elements of a channel are read: in vectors of four where rows allow it, split among workgroups. */
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

/** A first stage: one workgroup a part of a channel. */
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

/** A last stage: one item an invocation. */
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

/** One channel an invocation. */
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

export const batchNormKernels: Kernels<BatchNormAttrs> = {
  op: batchNorm,
  variants: () => [{ kind: 'two-stage' }],
  lower: lowerBatchNorm,
};

export const batchNormGradientKernels: Kernels<BatchNormGradientAttrs> = {
  op: batchNormGradient,
  variants: () => [{ kind: 'two-stage' }],
  lower: lowerBatchNormGradient,
};

export const kernels: readonly AnyKernels[] = [batchNormKernels, batchNormGradientKernels];

function lowerBatchNorm({ inputs, attrs, profile }: LowerContext<BatchNormAttrs>): Lowering {
  const shape = normShape('batch-norm', inputs, 5);
  const split = partition(shape, profile);
  const normalize = itemwise(
    shape,
    split,
    'batch-norm/normalize.wgsl',
    {
      x: input(0),
      weight: input(1),
      bias: input(2),
      mean: output(1),
      rstd: output(2),
      y: output(0),
    },
    { RELU: attrs.relu === true },
  );
  const EPS = attrs.eps;
  if (!attrs.training) {
    const bindings = { running_mean: input(3), running_var: input(4), mean: output(1), rstd: output(2) };
    const running = channelwise(shape, 'batch-norm/running.wgsl', bindings, { EPS });
    return { scratch: [], dispatches: [running, normalize] };
  }
  const { parts, run, items, width } = split;
  const running = attrs.updateStatistics === false ? {} : { running_mean: input(3), running_var: input(4) };
  const combine = channelwise(
    shape,
    'batch-norm/combine.wgsl',
    { parts: scratch(0), mean: output(1), rstd: output(2), ...running },
    {
      EPS,
      MOMENTUM: attrs.momentum,
      PARTS: parts,
      RUN: run * width,
      COUNT: items * width,
    },
  );
  return {
    scratch: [f32(shape.c, parts, 2)],
    dispatches: [
      staged(shape, split, 'batch-norm/statistics.wgsl', { x: input(0), parts: scratch(0) }),
      combine,
      normalize,
    ],
  };
}

function lowerBatchNormGradient({
  inputs,
  attrs,
  accumulate,
  profile,
}: LowerContext<BatchNormGradientAttrs>): Lowering {
  const shape = normShape('batch-norm-gradient', inputs, 6);
  const split = partition(shape, profile);
  const { parts, items, width } = split;
  const RELU = attrs.relu;
  const needsSums = attrs.training || attrs.parameters;
  const [x, weight, bias, mean, rstd, dy] = [0, 1, 2, 3, 4, 5].map(input) as [
    Slot,
    Slot,
    Slot,
    Slot,
    Slot,
    Slot,
  ];
  const affine = attrs.relu ? { weight, bias } : {};
  const sums = staged(
    shape,
    split,
    'batch-norm/grad-sums.wgsl',
    { x, dy, mean, rstd, ...affine, parts: scratch(0) },
    { RELU },
  );
  const parameters = attrs.parameters
    ? { dweight: output(1, accumulate[1]), dbias: output(2, accumulate[2]) }
    : {};
  const combine = channelwise(
    shape,
    'batch-norm/grad-combine.wgsl',
    { parts: scratch(0), means: scratch(1), ...parameters },
    { PARTS: parts, COUNT: items * width },
  );
  const statistics = attrs.training || attrs.relu ? { x, mean } : {};
  const means = attrs.training ? scratch(1) : undefined;
  const last = itemwise(
    shape,
    split,
    'batch-norm/grad-input.wgsl',
    { dy, weight, rstd, dx: output(0), ...statistics, bias: attrs.relu ? bias : undefined, means },
    { RELU },
  );
  return needsSums
    ? { scratch: [f32(shape.c, parts, 2), f32(shape.c, 2)], dispatches: [sums, combine, last] }
    : { scratch: [], dispatches: [last] };
}
