import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, expectShape, f32, shapeError, showShape } from '../tensor.ts';
import { type NormShape, batchNormGradientReference, batchNormReference } from './reference.ts';

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

/** The sizes of x, after checking the channel vectors (c) that go with it. */
export function normShape(
  op: string,
  { shape }: TensorSpec,
  vectors: Readonly<Record<string, TensorSpec>> = {},
): NormShape {
  const [n = 0, c = 0, ...area] = shape;
  if (![2, 4].includes(shape.length))
    throw shapeError(op, `takes x (n, c, h, w) or (n, c), got ${showShape(shape)}`);
  for (const [name, vector] of Object.entries(vectors)) expectShape(op, name, vector, [c]);
  return { n, c, area: elems(area) };
}

type Input = 'x' | 'weight' | 'bias' | 'running_mean' | 'running_var';

const x = f32(3, 5, 7, 4);
const channel = f32(5);

/**
 * BatchNorm of maps or of rows of channels, as torch.nn.BatchNorm2d. x and y (n, c, h, w) or (n, c), all others (c); mean and
 * rstd = 1/√(v + eps) are what y was normalised by. In training the running statistics are updated in place, the variance with its
 * unbiased value.
 */
export const batchNorm: Op<BatchNormAttrs, Input, 'y' | 'mean' | 'rstd'> = {
  name: 'batch-norm',
  inputs: ['x', 'weight', 'bias', 'running_mean', 'running_var'],
  outputs: ['y', 'mean', 'rstd'],
  examples: [
    {
      inputs: { x, weight: channel, bias: channel, running_mean: channel, running_var: channel },
      attrs: { eps: 1e-5, momentum: 0.1, training: true },
    },
  ],
  mutates: ['running_mean', 'running_var'],
  pure: (attrs) => ({ ...attrs, updateStatistics: false }),
  infer: ({ x, ...vectors }, { training }) => {
    const shape = normShape('batch-norm', x, vectors);
    if (training && shape.n * shape.area < 2)
      throw shapeError('batch-norm', 'training needs more than one value per channel');
    return { y: x, mean: f32(shape.c), rstd: f32(shape.c) };
  },
  cost: memoryCost,
  reference: (inputs, specs, attrs) =>
    batchNormReference(normShape('batch-norm', specs.x), inputs, {
      eps: attrs.eps,
      training: attrs.training,
      momentum: attrs.updateStatistics === false ? undefined : attrs.momentum,
      relu: attrs.relu === true,
    }),
  gradient(graph, { inputs: { x, weight, bias }, outputs: { mean, rstd }, attrs }, { y: dy }, needs) {
    if (dy === undefined) return {};
    const inputs = { x, weight, bias, mean, rstd, dy };
    const { dx, dweight, dbias } = graph.apply(batchNormGradient, inputs, {
      training: attrs.training,
      relu: attrs.relu ?? false,
      parameters: needs.has('weight') || needs.has('bias'),
    });
    return { x: dx, weight: dweight, bias: dbias };
  },
};

export interface BatchNormGradientAttrs {
  readonly training: boolean;
  readonly relu: boolean;
  /** Also return dweight and dbias. */
  readonly parameters: boolean;
}

type GradientInput = 'x' | 'weight' | 'bias' | 'mean' | 'rstd' | 'dy';

/** Gradient of batchNorm, given the mean and rstd that it made. dx as x; with `parameters` dweight and dbias (c). */
export const batchNormGradient: Op<BatchNormGradientAttrs, GradientInput, 'dx' | 'dweight?' | 'dbias?'> = {
  name: 'batch-norm-gradient',
  inputs: ['x', 'weight', 'bias', 'mean', 'rstd', 'dy'],
  outputs: ['dx', 'dweight?', 'dbias?'],
  examples: [
    {
      inputs: { x, weight: channel, bias: channel, mean: channel, rstd: channel, dy: x },
      attrs: { training: true, relu: true, parameters: true },
    },
  ],
  accumulates: ['dweight', 'dbias'],
  infer: ({ x, dy, ...vectors }, { parameters }) => {
    const { c } = normShape('batch-norm-gradient', x, vectors);
    expectShape('batch-norm-gradient', 'dy', dy, x.shape);
    return parameters ? { dx: x, dweight: f32(c), dbias: f32(c) } : { dx: x };
  },
  cost: memoryCost,
  reference: (inputs, specs, attrs) => {
    const shape = normShape('batch-norm-gradient', specs.x);
    const { dx, ...parameters } = batchNormGradientReference(shape, inputs, attrs);
    return attrs.parameters ? { dx, ...parameters } : { dx };
  },
};
