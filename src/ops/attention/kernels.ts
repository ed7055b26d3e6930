import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Plain, onlyPlain, scratch } from '../kernels.ts';
import { f32 } from '../tensor.ts';
import { attention, attentionGradient, attentionProbabilities, queriesOf } from './op.ts';
import { type AttentionShape, attentionShape } from './shape.ts';

const WORKGROUP = 64;

/** One token of one head per invocation. */
function perToken(
  shader: string,
  { batch, heads, tokens, size }: AttentionShape,
  bindings: Dispatch['bindings'],
): Dispatch {
  return {
    shader: `attention/${shader}.wgsl`,
    params: { BATCH: batch, HEADS: heads, TOKENS: tokens, SIZE: size, WORKGROUP },
    bindings,
    grid: flatGrid(Math.ceil((batch * heads * tokens) / WORKGROUP)),
  };
}

export const attentionKernels: Kernels<typeof attention, Plain> = {
  op: attention,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) => [
    perToken('forward', attentionShape('attention', inputs.qkv, attrs), { ...inputs, ...outputs }),
  ],
};

/** dq and D by queries, then dk and dv by keys. */
export const attentionGradientKernels: Kernels<typeof attentionGradient, Plain> = {
  op: attentionGradient,
  variants: onlyPlain,
  lower({ inputs, outputs, attrs }) {
    const shape = attentionShape('attention-gradient', inputs.qkv, attrs);
    const { qkv, logsumexp, dy } = inputs;
    const d = scratch(f32(shape.batch, shape.heads, shape.tokens));
    return [
      perToken('gradient-query', shape, { ...inputs, ...outputs, d }),
      perToken('gradient-key', shape, { qkv, logsumexp, dy, ...outputs, d }),
    ];
  },
};

export const attentionProbabilitiesKernels: Kernels<typeof attentionProbabilities> = {
  op: attentionProbabilities,
  variants: onlyPlain,
  lower({ inputs, outputs, attrs }) {
    const { batch, heads, tokens, size } = attentionShape('attention-probabilities', inputs.qkv, attrs);
    const queries = queriesOf(attrs);
    return [
      {
        shader: 'attention/probabilities.wgsl',
        params: { BATCH: batch, HEADS: heads, TOKENS: tokens, SIZE: size, QUERIES: queries, WORKGROUP },
        bindings: { ...inputs, ...outputs },
        grid: flatGrid(Math.ceil((batch * heads * queries * tokens) / WORKGROUP)),
      },
    ];
  },
};

export const kernels = [attentionKernels, attentionGradientKernels, attentionProbabilitiesKernels];
