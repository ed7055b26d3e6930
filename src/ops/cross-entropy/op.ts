import type { Tensor } from '../tensor.ts';
import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, f32, shapeError, showShape } from '../tensor.ts';
import { softCrossEntropyGradientReference, softCrossEntropyReference } from './reference.ts';

export function tableOf(op: string, inputs: readonly TensorSpec[], count: number): { n: number; k: number } {
  const [logits, targets, dloss] = inputs;
  const [n = 0, k = 0] = logits?.shape ?? [];
  const shapes = inputs.map((spec) => showShape(spec.shape)).join(' ');
  if (
    inputs.length !== count ||
    logits?.shape.length !== 2 ||
    showShape(targets?.shape ?? []) !== showShape([n, k])
  )
    throw shapeError(op, `takes logits and targets of one shape (n, k), got ${shapes}`);
  if (dloss !== undefined && showShape(dloss.shape) !== showShape([n]))
    throw shapeError(op, `takes dloss (${n}), got ${showShape(dloss.shape)}`);
  return { n, k };
}

/**
 * Cross entropy of each sample with soft targets: loss = −Σ t log softmax(z). (torch.nn.functional.cross_entropy with
 * probabilities and reduction none.) Inputs: logits (n, k), targets (n, k). Output: loss (n).
 */
export const softCrossEntropy: Op<None> = {
  name: 'soft-cross-entropy',
  examples: [{ inputs: [f32(5, 37), f32(5, 37)], attrs: {} }],
  infer: (inputs) => [f32(tableOf('soft-cross-entropy', inputs, 2).n)],
  cost: memoryCost,
  reference: ([logits, targets], specs) => [
    softCrossEntropyReference(
      tableOf('soft-cross-entropy', specs, 2).k,
      logits as Float64Array,
      targets as Float64Array,
    ),
  ],
  gradient: (graph, node, [dloss]) => [
    dloss &&
      graph.one(softCrossEntropyGradient, [node.inputs[0] as Tensor, node.inputs[1] as Tensor, dloss], {}),
  ],
};

/** dlogits = dloss (softmax(z) Σt − t). Inputs: logits (n, k), targets (n, k), dloss (n). */
export const softCrossEntropyGradient: Op<None> = {
  name: 'soft-cross-entropy-gradient',
  examples: [{ inputs: [f32(5, 37), f32(5, 37), f32(5)], attrs: {} }],
  infer: (inputs) => {
    const { n, k } = tableOf('soft-cross-entropy-gradient', inputs, 3);
    return [f32(n, k)];
  },
  cost: memoryCost,
  reference: ([logits, targets, dloss], specs) => [
    softCrossEntropyGradientReference(
      tableOf('soft-cross-entropy-gradient', specs, 3).k,
      logits as Float64Array,
      targets as Float64Array,
      dloss as Float64Array,
    ),
  ],
};
