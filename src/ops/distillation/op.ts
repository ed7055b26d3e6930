import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, expectShape, f32, shapeError, showShape } from '../tensor.ts';
import { type DistillationAttrs, distillationGradientReference, distillationReference } from './reference.ts';

export type { DistillationAttrs };

interface Tables {
  readonly logits: TensorSpec;
  readonly targets: TensorSpec;
  readonly teacher: TensorSpec;
  readonly dloss?: TensorSpec;
}

export function tablesOf(op: string, { logits, targets, teacher, dloss }: Tables): { n: number; k: number } {
  const [n = 0, k = 0] = logits.shape;
  if (logits.shape.length !== 2)
    throw shapeError(
      op,
      `takes logits, targets and teacher of one shape (n, k), got ${showShape(logits.shape)}`,
    );
  expectShape(op, 'targets', targets, [n, k]);
  expectShape(op, 'teacher', teacher, [n, k]);
  if (dloss) expectShape(op, 'dloss', dloss, [n]);
  return { n, k };
}

const TABLE = f32(5, 37);
const KINDS: readonly DistillationAttrs[] = [
  { kind: 'soft', alpha: 0.4, temperature: 3 },
  { kind: 'hard', alpha: 0.4, temperature: 1 },
];

/**
 * Loss of each sample with a teacher: (1 − α) cross entropy with soft targets + α of the teacher's term, by DeiT (facebookresearch/deit:
 * losses.py). Soft: the divergence of the student's softened probabilities from the teacher's, times τ², over the number of classes;
 * hard: cross entropy with the teacher's class, of equal ones the first.
 * logits (n, k), targets (n, k), teacher (n, k): the teacher's logits, which get no gradient; loss (n).
 */
export const distillation: Op<DistillationAttrs, 'logits' | 'targets' | 'teacher', 'loss'> = {
  name: 'distillation',
  inputs: ['logits', 'targets', 'teacher'],
  outputs: ['loss'],
  examples: KINDS.map((attrs) => ({ inputs: { logits: TABLE, targets: TABLE, teacher: TABLE }, attrs })),
  infer: (inputs) => ({ loss: f32(tablesOf('distillation', inputs).n) }),
  cost: memoryCost,
  reference: (inputs, specs, attrs) =>
    distillationReference(tablesOf('distillation', specs).k, inputs, attrs),
  gradient: (graph, { inputs, attrs }, { loss: dloss }) => ({
    logits: dloss && graph.one(distillationGradient, { ...inputs, dloss }, attrs),
  }),
};

/** dlogits (n, k) of `distillation`; dloss (n). */
export const distillationGradient: Op<
  DistillationAttrs,
  'logits' | 'targets' | 'teacher' | 'dloss',
  'dlogits'
> = {
  name: 'distillation-gradient',
  inputs: ['logits', 'targets', 'teacher', 'dloss'],
  outputs: ['dlogits'],
  examples: KINDS.map((attrs) => ({
    inputs: { logits: TABLE, targets: TABLE, teacher: TABLE, dloss: f32(5) },
    attrs,
  })),
  infer: (inputs) => {
    const { n, k } = tablesOf('distillation-gradient', inputs);
    return { dlogits: f32(n, k) };
  },
  cost: memoryCost,
  reference: (inputs, specs, attrs) =>
    distillationGradientReference(tablesOf('distillation-gradient', specs).k, inputs, attrs),
};
