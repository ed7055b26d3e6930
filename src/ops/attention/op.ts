import { type Cost, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, expectShape, f32, like } from '../tensor.ts';
import { attentionGradientReference, attentionReference, probabilitiesReference } from './reference.ts';
import { type AttentionAttrs, type AttentionShape, attentionShape } from './shape.ts';

export type { AttentionAttrs };

/** Multiply-accumulates of `products` products of (tokens, size) by (size, tokens), for each image and head. */
function productsCost(
  { batch, heads, tokens, size }: AttentionShape,
  products: number,
  inputs: Readonly<Record<string, TensorSpec | undefined>>,
  outputs: Readonly<Record<string, TensorSpec | undefined>>,
): Cost {
  const macs = products * batch * heads * tokens * tokens * size;
  return { ...memoryCost(inputs, outputs), macs, liveMacs: macs };
}

const ATTRS = { heads: 3, tokens: 13 } as const;
const QKV = f32(2 * 13, 3 * 3 * 8);

/**
 * Self-attention: y = softmax(q kᵀ / √size) v for each image and head. (torch.nn.functional.scaled_dot_product_attention; Dao et al. 2022)
 *
 * - qkv (batch · tokens, 3 · heads · size): the rows that timm's linear `qkv` makes. Columns: all of q, all of k, all of v; in each, one
 *   head after the other.
 * - y (batch · tokens, heads · size): the rows that timm's `proj` takes; columns: one head after the other.
 * - logsumexp (batch, heads, tokens), f32: log Σ_j e^{s_ij} of each query's scores, for the gradient and for `attentionProbabilities`.
 *
 * The map of tokens by tokens is never in memory.
 * @example graph.apply(attention, { qkv }, { heads: 6, tokens: 197 })
 */
export const attention: Op<AttentionAttrs, 'qkv', 'y' | 'logsumexp'> = {
  name: 'attention',
  inputs: ['qkv'],
  outputs: ['y', 'logsumexp'],
  examples: [{ inputs: { qkv: QKV }, attrs: ATTRS }],
  infer({ qkv }, attrs) {
    const { batch, heads, tokens, size } = attentionShape('attention', qkv, attrs);
    return { y: like(qkv, batch * tokens, heads * size), logsumexp: f32(batch, heads, tokens) };
  },
  cost: (inputs, outputs, attrs) =>
    productsCost(attentionShape('attention', inputs.qkv, attrs), 2, inputs, outputs),
  reference: (inputs, specs, attrs) =>
    attentionReference(inputs, attentionShape('attention', specs.qkv, attrs)),
  gradient(graph, { inputs: { qkv }, outputs: { y, logsumexp }, attrs }, { y: dy }) {
    return { qkv: dy && graph.one(attentionGradient, { qkv, y, logsumexp, dy }, attrs) };
  },
};

/** dqkv, packed as qkv is, of `attention`'s y and logsumexp and of dy. Scores are computed again. */
export const attentionGradient: Op<AttentionAttrs, 'qkv' | 'y' | 'logsumexp' | 'dy', 'dqkv'> = {
  name: 'attention-gradient',
  inputs: ['qkv', 'y', 'logsumexp', 'dy'],
  outputs: ['dqkv'],
  examples: [
    {
      inputs: { qkv: QKV, y: f32(26, 24), logsumexp: f32(2, 3, 13), dy: f32(26, 24) },
      attrs: ATTRS,
      // About what standard normal q and k give.
      data: { logsumexp: new Float64Array(2 * 3 * 13).fill(3) },
    },
  ],
  infer({ qkv, y, logsumexp, dy }, attrs) {
    const op = 'attention-gradient';
    const { batch, heads, tokens, size } = attentionShape(op, qkv, attrs);
    expectShape(op, 'y', y, [batch * tokens, heads * size]);
    expectShape(op, 'dy', dy, [batch * tokens, heads * size]);
    expectShape(op, 'logsumexp', logsumexp, [batch, heads, tokens]);
    return { dqkv: like(qkv, ...qkv.shape) };
  },
  cost: (inputs, outputs, attrs) =>
    productsCost(attentionShape('attention-gradient', inputs.qkv, attrs), 5, inputs, outputs),
  reference: (inputs, specs, attrs) =>
    attentionGradientReference(inputs, attentionShape('attention-gradient', specs.qkv, attrs)),
};

export interface ProbabilitiesAttrs extends AttentionAttrs {
  /** Whose probabilities: of the first token (the class token) alone, or of every token. */
  readonly queries: 'first' | 'all';
}

/** Queries of an image whose probabilities are wanted. */
export function queriesOf({ queries, tokens }: ProbabilitiesAttrs): number {
  return queries === 'first' ? 1 : tokens;
}

/**
 * The probabilities softmax(q kᵀ / √size) themselves, of `attention`'s qkv and logsumexp: for saliency (Caron et al. 2021) and attention
 * distance. Always f32.
 * probabilities: (batch, heads, tokens) of the first query, or (batch, heads, tokens, tokens): queries, keys.
 */
export const attentionProbabilities: Op<ProbabilitiesAttrs, 'qkv' | 'logsumexp', 'probabilities'> = {
  name: 'attention-probabilities',
  inputs: ['qkv', 'logsumexp'],
  outputs: ['probabilities'],
  examples: (['first', 'all'] as const).map((queries) => ({
    inputs: { qkv: QKV, logsumexp: f32(2, 3, 13) },
    attrs: { ...ATTRS, queries },
  })),
  infer({ qkv, logsumexp }, attrs) {
    const op = 'attention-probabilities';
    const { batch, heads, tokens } = attentionShape(op, qkv, attrs);
    expectShape(op, 'logsumexp', logsumexp, [batch, heads, tokens]);
    return { probabilities: f32(batch, heads, ...(attrs.queries === 'first' ? [] : [tokens]), tokens) };
  },
  cost(inputs, outputs, attrs) {
    const { batch, heads, tokens, size } = attentionShape('attention-probabilities', inputs.qkv, attrs);
    const macs = batch * heads * queriesOf(attrs) * tokens * size;
    return { ...memoryCost(inputs, outputs), macs, liveMacs: macs };
  },
  reference: (inputs, specs, attrs) =>
    probabilitiesReference(
      inputs,
      attentionShape('attention-probabilities', specs.qkv, attrs),
      queriesOf(attrs),
    ),
};
