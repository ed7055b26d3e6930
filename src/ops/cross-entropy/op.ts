import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, expectShape, f32, shapeError, showShape } from '../tensor.ts';
import { softCrossEntropyGradientReference, softCrossEntropyReference } from './reference.ts';

interface Table {
  readonly logits: TensorSpec;
  readonly targets: TensorSpec;
  readonly dloss?: TensorSpec;
}

export function tableOf(op: string, { logits, targets, dloss }: Table): { n: number; k: number } {
  const [n = 0, k = 0] = logits.shape;
  if (logits.shape.length !== 2)
    throw shapeError(op, `takes logits and targets of one shape (n, k), got ${showShape(logits.shape)}`);
  expectShape(op, 'targets', targets, [n, k]);
  if (dloss) expectShape(op, 'dloss', dloss, [n]);
  return { n, k };
}

/**
 * Cross entropy of each sample with soft targets: loss = −Σ t log softmax(z). (torch.nn.functional.cross_entropy with
 * probabilities and reduction none.) logits (n, k), targets (n, k), loss (n).
 */
export const softCrossEntropy: Op<None, 'logits' | 'targets', 'loss'> = {
  name: 'soft-cross-entropy',
  inputs: ['logits', 'targets'],
  outputs: ['loss'],
  examples: [{ inputs: { logits: f32(5, 37), targets: f32(5, 37) }, attrs: {} }],
  infer: (inputs) => ({ loss: f32(tableOf('soft-cross-entropy', inputs).n) }),
  cost: memoryCost,
  reference: ({ logits, targets }, specs) => ({
    loss: softCrossEntropyReference(tableOf('soft-cross-entropy', specs).k, logits, targets),
  }),
  gradient: (graph, { inputs }, { loss: dloss }) => ({
    logits: dloss && graph.one(softCrossEntropyGradient, { ...inputs, dloss }, {}),
  }),
};

/** dlogits = dloss (softmax(z) Σt − t). logits (n, k), targets (n, k), dloss (n). */
export const softCrossEntropyGradient: Op<None, 'logits' | 'targets' | 'dloss', 'dlogits'> = {
  name: 'soft-cross-entropy-gradient',
  inputs: ['logits', 'targets', 'dloss'],
  outputs: ['dlogits'],
  examples: [{ inputs: { logits: f32(5, 37), targets: f32(5, 37), dloss: f32(5) }, attrs: {} }],
  infer: (inputs) => {
    const { n, k } = tableOf('soft-cross-entropy-gradient', inputs);
    return { dlogits: f32(n, k) };
  },
  cost: memoryCost,
  reference: ({ logits, targets, dloss }, specs) => {
    const { k } = tableOf('soft-cross-entropy-gradient', specs);
    return { dlogits: softCrossEntropyGradientReference(k, logits, targets, dloss) };
  },
};
