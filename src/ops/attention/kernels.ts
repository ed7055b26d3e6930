import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, onlyPlain, scratch } from '../kernels.ts';
import { f32 } from '../tensor.ts';
import { attention, attentionGradient, attentionProbabilities, queriesOf } from './op.ts';
import { type AttentionShape, attentionShape } from './shape.ts';

const WORKGROUP = 64;

/** Lanes own tokens, `split` of them share the columns of one; what they meet lies in workgroup memory. */
export type Tile = { readonly kind: 'tile'; readonly owned: 1 | 2 | 4; readonly split: 1 | 2 | 4 };
/** A workgroup is one subgroup, run as one vector, that meets `met` tokens at once. */
type Processor = { readonly kind: 'processor'; readonly owned: 2 | 4; readonly met: 1 | 2 };
export type AttentionVariant = Tile | Processor;

/** GPUs: numbers that a lane holds of its tokens, `arrays` of `owned` · size / `split`. More would not fit into registers. */
const MOST_HELD = 160;
const ARRAYS = { forward: 2, gradient: 4 } as const;

/** What four tokens a lane gain over two where compilers do not optimise, as SwiftShader's. */
const FOUR_GAIN = 1.4;

const TILES: readonly Tile[] = ([4, 2, 1] as const).flatMap((owned) =>
  ([4, 2] as const).map((split): Tile => ({ kind: 'tile', owned, split })),
);

/**
 * Processors: two tokens a lane. Four are faster, but compilers that optimise need five to nine times as long for them; where they do not
 * optimise, four, unless many more lanes stay empty, and two tokens are met at once, so that sums in memory are read and written half as
 * often. GPUs: as many tokens as registers hold, because each number that is met serves all of them,
 * but few where there are few: a large card would be empty. Lanes share columns only where subgroups can add up.
 */
function variants(
  pass: 'forward' | 'gradient',
  { batch, heads, tokens, size }: AttentionShape,
  { machine, barrier, features, simdWidth, subgroups, busyLanes }: DeviceProfile,
): readonly AttentionVariant[] {
  const canAdd = features.has('subgroups');
  if (machine === 'processor' && canAdd && subgroups.min >= simdWidth) {
    const padded = (owned: number) => Math.ceil(tokens / (simdWidth * owned)) * owned;
    if (barrier !== 'switch') return [{ kind: 'processor', owned: 2, met: 1 }];
    return [{ kind: 'processor', owned: padded(4) <= FOUR_GAIN * padded(2) ? 4 : 2, met: 2 }];
  }
  const held = ({ owned, split }: Tile) => (ARRAYS[pass] * owned * size) / split;
  const items = size / perItem(size);
  const fitting = TILES.filter(({ split }) => canAdd && items % split === 0).filter(
    (tile) => held(tile) <= MOST_HELD,
  );
  // These kernels hold so many numbers that a quarter of the lanes fills a card.
  const filled = ({ owned, split }: Tile) =>
    Math.min((batch * heads * tokens * split) / owned, busyLanes / 4);
  return [...fitting.sort((a, b) => filled(b) - filled(a)), { kind: 'tile', owned: 1, split: 1 }];
}

/** Columns that are read at once. */
const perItem = (size: number) => (size % 4 === 0 ? 4 : 1);

/** Bytes of workgroup memory for what is met: several workgroups share a multiprocessor. */
const ROOM = 8192;

function tileParams({ size }: AttentionShape, { owned, split }: Tile) {
  const tile = Math.max(1, Math.min(32, Math.floor(ROOM / (8 * size))));
  return { LANES: WORKGROUP, OWNED: owned, SPLIT: split, STAGED: true, MET: 1, TILE: tile };
}

function headParams({ batch, heads, tokens, size }: AttentionShape) {
  return { BATCH: batch, HEADS: heads, TOKENS: tokens, SIZE: size, PER: perItem(size) };
}

/** A dispatch over all tokens of all heads. */
function perToken(
  pass: string,
  shape: AttentionShape,
  variant: AttentionVariant,
  { simdWidth }: DeviceProfile,
  bindings: Dispatch['bindings'],
): Dispatch {
  const params =
    variant.kind === 'tile'
      ? tileParams(shape, variant)
      : { LANES: simdWidth, OWNED: variant.owned, SPLIT: 1, STAGED: false, MET: variant.met, TILE: 1 };
  const tokens = (params.LANES / params.SPLIT) * params.OWNED;
  return {
    shader: `attention/${pass}.wgsl`,
    params: { ...headParams(shape), ...params },
    bindings,
    grid: flatGrid(shape.batch * shape.heads * Math.ceil(shape.tokens / tokens)),
  };
}

export const attentionKernels: Kernels<typeof attention, AttentionVariant> = {
  op: attention,
  variants: ({ inputs, attrs, profile }) =>
    variants('forward', attentionShape('attention', inputs.qkv, attrs), profile),
  lower: ({ inputs, outputs, attrs, profile }, variant) => [
    perToken('forward', attentionShape('attention', inputs.qkv, attrs), variant, profile, {
      ...inputs,
      ...outputs,
    }),
  ],
};

/** dq and D by queries, then dk and dv by keys. */
export const attentionGradientKernels: Kernels<typeof attentionGradient, AttentionVariant> = {
  op: attentionGradient,
  variants: ({ inputs, attrs, profile }) =>
    variants('gradient', attentionShape('attention-gradient', inputs.qkv, attrs), profile),
  lower({ inputs, outputs, attrs, profile }, variant) {
    const shape = attentionShape('attention-gradient', inputs.qkv, attrs);
    const { qkv, logsumexp, dy } = inputs;
    const d = scratch(f32(shape.batch, shape.heads, shape.tokens));
    return [
      perToken('gradient-query', shape, variant, profile, { ...inputs, ...outputs, d }),
      perToken('gradient-key', shape, variant, profile, { qkv, logsumexp, dy, ...outputs, d }),
    ];
  },
};

export const attentionProbabilitiesKernels: Kernels<typeof attentionProbabilities> = {
  op: attentionProbabilities,
  variants: onlyPlain,
  lower({ inputs, outputs, attrs }) {
    const shape = attentionShape('attention-probabilities', inputs.qkv, attrs);
    const queries = queriesOf(attrs);
    return [
      {
        shader: 'attention/probabilities.wgsl',
        params: { ...headParams(shape), QUERIES: queries, WORKGROUP },
        bindings: { ...inputs, ...outputs },
        grid: flatGrid(Math.ceil((shape.batch * shape.heads * queries * shape.tokens) / WORKGROUP)),
      },
    ];
  },
};

export const kernels = [attentionKernels, attentionGradientKernels, attentionProbabilitiesKernels];
