import { softCrossEntropyGradientReference, softCrossEntropyReference } from './cross-entropy.reference.ts';
import {
  f32,
  flatGrid,
  input,
  memoryCost,
  output,
  shapeError,
  showShape,
  type Lowering,
  type Op,
  type Slot,
  type TensorSpec,
} from './op.ts';
import type { Tensor } from '../graph/graph.ts';

type None = Readonly<Record<string, never>>;

function tableOf(op: string, inputs: readonly TensorSpec[], count: number): { n: number; k: number } {
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

/** One workgroup a row; short rows take small workgroups. */
function rowwise(shader: string, { n, k }: { n: number; k: number }, bindings: readonly Slot[]): Lowering {
  const params = { ROWS: n, K: k, WORKGROUP: k <= 256 ? 32 : 256 };
  return {
    scratch: [],
    dispatches: [{ shader: `cross-entropy/${shader}.wgsl`, params, bindings, grid: flatGrid(n) }],
  };
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
  variants: () => [{ kind: 'row' }],
  lower: ({ inputs }) =>
    rowwise('forward', tableOf('soft-cross-entropy', inputs, 2), [input(0), input(1), output(0)]),
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
  variants: () => [{ kind: 'row' }],
  lower: ({ inputs }) =>
    rowwise('gradient', tableOf('soft-cross-entropy-gradient', inputs, 3), [
      input(0),
      input(1),
      input(2),
      output(0),
    ]),
  reference: ([logits, targets, dloss], specs) => [
    softCrossEntropyGradientReference(
      tableOf('soft-cross-entropy-gradient', specs, 3).k,
      logits as Float64Array,
      targets as Float64Array,
      dloss as Float64Array,
    ),
  ],
};
