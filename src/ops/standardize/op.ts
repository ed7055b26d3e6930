import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, expectShape, f32, shapeError, showShape } from '../tensor.ts';
import { standardizeGradientReference, standardizeReference } from './reference.ts';

export interface StandardizeAttrs {
  /** Added to the variance: 1e-10 in BiT's code, 1e-8 in timm's. */
  readonly eps: number;
}

/** Rows of a weight: its output channels. */
export function rowsOf(op: string, { shape }: TensorSpec): number {
  const [rows = 0, ...rest] = shape;
  if (rest.length === 0)
    throw shapeError(op, `takes weight (co, ci/groups, kh, kw), got ${showShape(shape)}`);
  return rows;
}

const weight = f32(5, 3, 3, 3);
const row = f32(5);

/**
 * Weight standardisation (Qiao et al. 2019), as BiT's StdConv: every output channel of the weight gets mean 0 and variance 1.
 * weight and y (co, ci/groups, kh, kw); mean and rstd = 1/√(variance + eps) (co).
 * @example graph.one(standardize, { weight }, { eps: 1e-10 })
 */
export const standardize: Op<StandardizeAttrs, 'weight', 'y' | 'mean' | 'rstd'> = {
  name: 'standardize',
  inputs: ['weight'],
  outputs: ['y', 'mean', 'rstd'],
  examples: [{ inputs: { weight }, attrs: { eps: 1e-10 } }],
  infer: ({ weight }) => {
    const rows = rowsOf('standardize', weight);
    return { y: weight, mean: f32(rows), rstd: f32(rows) };
  },
  cost: memoryCost,
  reference: ({ weight }, specs, { eps }) =>
    standardizeReference(weight, rowsOf('standardize', specs.weight), eps),
  gradient: (graph, { inputs: { weight }, outputs: { mean, rstd } }, { y: dy }) => ({
    weight: dy && graph.one(standardizeGradient, { weight, mean, rstd, dy }, {}),
  }),
};

/** Gradient of `standardize`, given the mean and rstd that it made. dy and dweight as weight. */
export const standardizeGradient: Op<
  Readonly<Record<string, never>>,
  'weight' | 'mean' | 'rstd' | 'dy',
  'dweight'
> = {
  name: 'standardize-gradient',
  inputs: ['weight', 'mean', 'rstd', 'dy'],
  outputs: ['dweight'],
  examples: [{ inputs: { weight, mean: row, rstd: row, dy: weight }, attrs: {} }],
  accumulates: ['dweight'],
  infer: ({ weight, mean, rstd, dy }) => {
    const op = 'standardize-gradient';
    const rows = rowsOf(op, weight);
    expectShape(op, 'mean', mean, [rows]);
    expectShape(op, 'rstd', rstd, [rows]);
    expectShape(op, 'dy', dy, weight.shape);
    return { dweight: f32(...weight.shape) };
  },
  cost: memoryCost,
  reference: (inputs) => ({ dweight: standardizeGradientReference(inputs) }),
};
