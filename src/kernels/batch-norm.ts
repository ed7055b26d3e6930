import {
  batchNormGradientReference,
  batchNormReference,
  type BatchNormState,
  type NormShape,
} from './batch-norm.reference.ts';
import { f32Literal } from './literal.ts';
import {
  elems,
  f32,
  flatGrid,
  input,
  memoryCost,
  output,
  scratch,
  shapeError,
  showShape,
  type Dispatch,
  type LowerContext,
  type Lowering,
  type Op,
  type Slot,
  type TensorSpec,
} from './op.ts';
import type { Graph, Node, Tensor } from '../graph/graph.ts';
import { defined } from '../util/errors.ts';

export interface BatchNormAttrs {
  readonly eps: number;
  /** Share of the batch's statistics in an update of the running ones. */
  readonly momentum: number;
  /** Normalise by the batch's statistics; otherwise by the running ones. */
  readonly training: boolean;
  /** In training, update the running statistics. Default true. */
  readonly updateStatistics?: boolean;
  /** Apply max(·, 0) to the result. Default false. */
  readonly relu?: boolean;
}

const WORKGROUP = 256;

/** Workgroups the first stage of a reduction aims at: enough to fill a GPU. */
const TARGET_GROUPS = 512;

function normShape(op: string, inputs: readonly TensorSpec[], count: number): NormShape {
  const [x] = inputs;
  const [n = 0, c = 0, ...area] = x?.shape ?? [];
  if (inputs.length !== count || x === undefined || ![2, 4].includes(x.shape.length))
    throw shapeError(
      op,
      `takes ${count} inputs, the first (n, c, h, w) or (n, c); got ${inputs.map((spec) => showShape(spec.shape)).join(' ')}`,
    );
  for (const other of inputs.slice(1, 5)) {
    if (showShape(other.shape) !== showShape([c]))
      throw shapeError(op, `x is ${showShape(x.shape)}, but a channel vector is ${showShape(other.shape)}`);
  }
  return { n, c, area: elems(area) };
}

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

/**
 * BatchNorm of maps or of rows of channels, as torch.nn.BatchNorm2d.
 * Inputs: x (n, c, h, w) or (n, c), weight, bias, runningMean, runningVar (c). Outputs: y, and the mean and 1/√(v + eps) (c)
 * that it was normalised by. In training the running statistics are updated in place, the variance with its unbiased value.
 * @example const [y] = graph.apply(batchNorm, [x, weight, bias, mean, variance], { eps: 1e-5, momentum: 0.1, training: true })
 */
export const batchNorm: Op<BatchNormAttrs> = {
  name: 'batch-norm',
  examples: [
    {
      inputs: [f32(3, 5, 7, 4), f32(5), f32(5), f32(5), f32(5)],
      attrs: { eps: 1e-5, momentum: 0.1, training: true },
    },
  ],
  mutates: [3, 4],
  infer: (inputs, { training }) => {
    const shape = normShape('batch-norm', inputs, 5);
    if (training && shape.n * shape.area < 2)
      throw shapeError('batch-norm', 'training needs more than one value a channel');
    return [inputs[0] as TensorSpec, f32(shape.c), f32(shape.c)];
  },
  cost: memoryCost,
  variants: () => [{ kind: 'two-stage' }],
  lower: lowerBatchNorm,
  reference: ([x, weight, bias, runningMean, runningVar], specs, attrs) =>
    batchNormReference(
      normShape('batch-norm', specs, 5),
      defined(x, 'x'),
      { weight, bias, runningMean, runningVar } as BatchNormState,
      {
        eps: attrs.eps,
        training: attrs.training,
        momentum: attrs.updateStatistics === false ? undefined : attrs.momentum,
        relu: attrs.relu === true,
      },
    ),
  gradient: batchNormGradientRule,
};

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

function batchNormGradientRule(
  graph: Graph,
  node: Node<BatchNormAttrs>,
  [dy]: readonly (Tensor | undefined)[],
  needs: readonly boolean[],
): readonly (Tensor | undefined)[] {
  const [x, weight, bias] = node.inputs;
  const [, mean, rstd] = node.outputs;
  if (dy === undefined) return [];
  const inputs = [x, weight, bias, mean, rstd, dy].map((tensor) => defined(tensor, 'batch-norm tensor'));
  const { training, relu = false } = node.attrs;
  return graph.apply(batchNormGradient, inputs, {
    training,
    relu,
    parameters: needs[1] === true || needs[2] === true,
  });
}

export interface BatchNormGradientAttrs {
  readonly training: boolean;
  readonly relu: boolean;
  /** Also return dweight and dbias. */
  readonly parameters: boolean;
}

/**
 * Gradient of batchNorm. Inputs: x, weight, bias, the forward op's mean and rstd, dy. Outputs: dx and, with `parameters`,
 * dweight and dbias (c).
 */
export const batchNormGradient: Op<BatchNormGradientAttrs> = {
  name: 'batch-norm-gradient',
  examples: [
    {
      inputs: [f32(3, 5, 7, 4), f32(5), f32(5), f32(5), f32(5), f32(3, 5, 7, 4)],
      attrs: { training: true, relu: true, parameters: true },
    },
  ],
  accumulates: [1, 2],
  infer: (inputs, { parameters }) => {
    const { c } = normShape('batch-norm-gradient', inputs, 6);
    const [x] = inputs;
    if (x === undefined || showShape(x.shape) !== showShape(inputs[5]?.shape ?? []))
      throw shapeError(
        'batch-norm-gradient',
        `x and dy differ: ${showShape(x?.shape ?? [])} and ${showShape(inputs[5]?.shape ?? [])}`,
      );
    return parameters ? [x, f32(c), f32(c)] : [x];
  },
  cost: memoryCost,
  variants: () => [{ kind: 'two-stage' }],
  lower: lowerBatchNormGradient,
  reference: (inputs, specs, attrs) => {
    const shape = normShape('batch-norm-gradient', specs, 6);
    const gradients = batchNormGradientReference(shape, inputs, attrs);
    return attrs.parameters ? gradients : [gradients[0]];
  },
};

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
