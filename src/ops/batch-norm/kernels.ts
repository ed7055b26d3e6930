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
import { f32Literal } from '../literal.ts';
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

/** Workgroups the first stage of a reduction aims at: enough to fill a GPU. */
const TARGET_GROUPS = 512;

/** How the elements of a channel are read: in vectors of four where rows allow it, split among workgroups. */
function partition({ n, c, area }: NormShape) {
  const width = area % 4 === 0 ? 4 : 1;
  const items = (n * area) / width;
  const wanted = Math.min(Math.ceil(TARGET_GROUPS / c), Math.ceil(items / (WORKGROUP * 2)));
  const run = Math.ceil(items / Math.max(1, wanted));
  return { width, items, run, parts: Math.ceil(items / run) };
}

/** The parameters of batch-norm/channel.wgsl. */
function channelParams(shape: NormShape, parts: ReturnType<typeof partition>): Record<string, number> {
  return { C: shape.c, AREA: shape.area, ITEMS: parts.items, WIDTH: parts.width };
}

/** A first stage: one workgroup a part of a channel. */
function staged(
  shape: NormShape,
  shader: string,
  bindings: readonly Slot[],
  params: Readonly<Record<string, number>> = {},
): Dispatch {
  const parts = partition(shape);
  return {
    shader,
    params: { ...channelParams(shape, parts), RUN: parts.run, PARTS: parts.parts, WORKGROUP, ...params },
    bindings,
    grid: flatGrid(shape.c * parts.parts),
  };
}

/** A last stage: one item an invocation. */
function itemwise(
  shape: NormShape,
  shader: string,
  bindings: readonly Slot[],
  params: Readonly<Record<string, number>> = {},
): Dispatch {
  const parts = partition(shape);
  const items = parts.items * shape.c;
  return {
    shader,
    params: { C: shape.c, AREA: shape.area, WIDTH: parts.width, TOTAL: items, WORKGROUP, ...params },
    bindings,
    grid: flatGrid(Math.ceil(items / WORKGROUP)),
  };
}

/** One channel an invocation. */
function channelwise(
  shape: NormShape,
  shader: string,
  bindings: readonly Slot[],
  params: Readonly<Record<string, number | string>>,
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

function lowerBatchNorm({ inputs, attrs }: LowerContext<BatchNormAttrs>): Lowering {
  const shape = normShape('batch-norm', inputs, 5);
  const normalize = itemwise(
    shape,
    'batch-norm/normalize.wgsl',
    [input(0), input(1), input(2), output(1), output(2), output(0)],
    { RELU: attrs.relu === true ? 1 : 0 },
  );
  const EPS = f32Literal(attrs.eps);
  if (!attrs.training) {
    const bindings = [input(3), input(4), output(1), output(2)];
    const running = channelwise(shape, 'batch-norm/running.wgsl', bindings, { EPS });
    return { scratch: [], dispatches: [running, normalize] };
  }
  const { parts, run, items, width } = partition(shape);
  const updates = attrs.updateStatistics !== false;
  const combine = channelwise(
    shape,
    'batch-norm/combine.wgsl',
    [scratch(0), output(1), output(2), ...(updates ? [input(3), input(4)] : [])],
    {
      EPS,
      MOMENTUM: f32Literal(attrs.momentum),
      UPDATE: updates ? 1 : 0,
      PARTS: parts,
      RUN: run * width,
      COUNT: items * width,
    },
  );
  return {
    scratch: [f32(shape.c, parts, 2)],
    dispatches: [staged(shape, 'batch-norm/statistics.wgsl', [input(0), scratch(0)]), combine, normalize],
  };
}

function lowerBatchNormGradient({
  inputs,
  attrs,
  accumulate,
}: LowerContext<BatchNormGradientAttrs>): Lowering {
  const shape = normShape('batch-norm-gradient', inputs, 6);
  const { parts, items, width } = partition(shape);
  const RELU = attrs.relu ? 1 : 0;
  const needsSums = attrs.training || attrs.parameters;
  const [x, weight, bias, mean, rstd, dy] = [0, 1, 2, 3, 4, 5].map(input) as [
    Slot,
    Slot,
    Slot,
    Slot,
    Slot,
    Slot,
  ];
  const affine = attrs.relu ? [weight, bias] : [];
  const sums = staged(shape, 'batch-norm/grad-sums.wgsl', [x, dy, mean, rstd, ...affine, scratch(0)], {
    RELU,
  });
  const combine = channelwise(
    shape,
    'batch-norm/grad-combine.wgsl',
    [scratch(0), scratch(1), ...(attrs.parameters ? [output(1), output(2)] : [])],
    {
      PARTS: parts,
      COUNT: items * width,
      PARAMETERS: attrs.parameters ? 1 : 0,
      ACCUMULATE_WEIGHT: accumulate[1] === true ? 1 : 0,
      ACCUMULATE_BIAS: accumulate[2] === true ? 1 : 0,
    },
  );
  const statistics = attrs.training || attrs.relu ? [x, mean, ...(attrs.relu ? [bias] : [])] : [];
  const last = itemwise(
    shape,
    'batch-norm/grad-input.wgsl',
    [dy, weight, rstd, output(0), ...statistics, ...(attrs.training ? [scratch(1)] : [])],
    { RELU, TRAINING: attrs.training ? 1 : 0 },
  );
  return needsSums
    ? { scratch: [f32(shape.c, parts, 2), f32(shape.c, 2)], dispatches: [sums, combine, last] }
    : { scratch: [], dispatches: [last] };
}
