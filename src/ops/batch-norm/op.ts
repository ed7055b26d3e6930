import { defined } from '../../util/errors.ts';
import type { Tensor } from '../tensor.ts';
import { type Application, type Op, type Recorder, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, shapeError, showShape } from '../tensor.ts';
import {
  type BatchNormState,
  type NormShape,
  batchNormGradientReference,
  batchNormReference,
} from './reference.ts';

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

export function normShape(op: string, inputs: readonly TensorSpec[], count: number): NormShape {
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

function batchNormGradientRule(
  graph: Recorder,
  node: Application<BatchNormAttrs>,
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
  reference: (inputs, specs, attrs) => {
    const shape = normShape('batch-norm-gradient', specs, 6);
    const gradients = batchNormGradientReference(shape, inputs, attrs);
    return attrs.parameters ? gradients : [gradients[0]];
  },
};
