import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, expectShape, f32, shapeError, showShape } from '../tensor.ts';
import { type GroupShape, groupNormGradientReference, groupNormReference } from './reference.ts';

export interface GroupNormAttrs {
  readonly groups: number;
  readonly eps: number;
  /** Apply max(·, 0) to the result. Default false. */
  readonly relu?: boolean;
}

/** The sizes of x, after checking the channel vectors (c) that go with it. */
export function groupShape(
  op: string,
  { shape }: TensorSpec,
  groups: number,
  vectors: Readonly<Record<string, TensorSpec>> = {},
): GroupShape {
  const [n = 0, c = 0, ...area] = shape;
  if (![2, 4].includes(shape.length))
    throw shapeError(op, `takes x (n, c, h, w) or (n, c), got ${showShape(shape)}`);
  if (c % groups !== 0)
    throw shapeError(op, `${groups} groups do not divide the channels of ${showShape(shape)}`);
  for (const [name, vector] of Object.entries(vectors)) expectShape(op, name, vector, [c]);
  return { n, groups, channels: c / groups, area: elems(area) };
}

const x = f32(3, 6, 7, 5);
const channel = f32(6);
const EXAMPLE = { groups: 3, eps: 1e-5, relu: true };

/**
 * GroupNorm of maps or of rows of channels, as torch.nn.GroupNorm, and a ReLU behind it in the same pass. x and y (n, c, h, w) or (n, c),
 * weight and bias (c); mean and rstd = 1/√(v + eps) (n, groups) are what y was normalised by.
 * @example graph.one(groupNorm, { x, weight, bias }, { groups: 32, eps: 1e-5, relu: true })
 */
export const groupNorm: Op<GroupNormAttrs, 'x' | 'weight' | 'bias', 'y' | 'mean' | 'rstd'> = {
  name: 'group-norm',
  inputs: ['x', 'weight', 'bias'],
  outputs: ['y', 'mean', 'rstd'],
  examples: [{ inputs: { x, weight: channel, bias: channel }, attrs: EXAMPLE }],
  infer: ({ x, ...vectors }, { groups }) => {
    const { n } = groupShape('group-norm', x, groups, vectors);
    return { y: x, mean: f32(n, groups), rstd: f32(n, groups) };
  },
  cost: memoryCost,
  reference: (inputs, specs, { groups, eps, relu = false }) =>
    groupNormReference(groupShape('group-norm', specs.x, groups), inputs, { eps, relu }),
  gradient(graph, { inputs: { x, weight, bias }, outputs: { mean, rstd }, attrs }, { y: dy }, needs) {
    if (dy === undefined) return {};
    const { dx, dweight, dbias } = graph.apply(
      groupNormGradient,
      { x, weight, bias, mean, rstd, dy },
      {
        groups: attrs.groups,
        relu: attrs.relu ?? false,
        parameters: needs.has('weight') || needs.has('bias'),
      },
    );
    return { x: dx, weight: dweight, bias: dbias };
  },
};

export interface GroupNormGradientAttrs {
  readonly groups: number;
  readonly relu: boolean;
  /** Also return dweight and dbias. */
  readonly parameters: boolean;
}

type GradientInput = 'x' | 'weight' | 'bias' | 'mean' | 'rstd' | 'dy';

/** Gradient of groupNorm, given the mean and rstd that it made. dx as x; with `parameters` dweight and dbias (c). */
export const groupNormGradient: Op<GroupNormGradientAttrs, GradientInput, 'dx' | 'dweight?' | 'dbias?'> = {
  name: 'group-norm-gradient',
  inputs: ['x', 'weight', 'bias', 'mean', 'rstd', 'dy'],
  outputs: ['dx', 'dweight?', 'dbias?'],
  examples: [
    {
      inputs: { x, weight: channel, bias: channel, mean: f32(3, 3), rstd: f32(3, 3), dy: x },
      attrs: { groups: 3, relu: true, parameters: true },
    },
  ],
  accumulates: ['dweight', 'dbias'],
  infer: ({ x, dy, mean, rstd, ...vectors }, { groups, parameters }) => {
    const op = 'group-norm-gradient';
    const { n, channels } = groupShape(op, x, groups, vectors);
    expectShape(op, 'mean', mean, [n, groups]);
    expectShape(op, 'rstd', rstd, [n, groups]);
    expectShape(op, 'dy', dy, x.shape);
    const c = f32(groups * channels);
    return parameters ? { dx: x, dweight: c, dbias: c } : { dx: x };
  },
  cost: memoryCost,
  reference: (inputs, specs, { groups, relu, parameters }) => {
    const shape = groupShape('group-norm-gradient', specs.x, groups);
    const { dx, ...rest } = groupNormGradientReference(shape, inputs, { relu });
    return parameters ? { dx, ...rest } : { dx };
  },
};
