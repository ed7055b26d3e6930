import type { Shapes } from '../formats/names.ts';
import { toHuggingfaceVit, toTorchvisionVit } from '../formats/vit-names.ts';
import type { Tensor } from '../graph/graph.ts';
import { dropPathRates } from '../nn/drop-path.ts';
import { conv2d, gelu, layerNorm, linear, residualOfTokens } from '../nn/layers.ts';
import { ZERO, truncNormal } from '../nn/parameters.ts';
import type { Recording } from '../nn/recording.ts';
import { attention, attentionProbabilities } from '../ops/attention/op.ts';
import { toRows } from '../ops/layout/op.ts';
import { firstToken, tokens } from '../ops/tokens/op.ts';
import { integer } from '../schema/fields.ts';
import { defined } from '../util/errors.ts';
import { defineFamily, type Conflict, type Family, type OtherNaming } from './family.ts';
import { evaluationAt, type Adaptation, type Block } from './model.ts';
import { dropPath, factor, option, width, type CommonConfig, type Options } from './options.ts';
import { resamplePositions } from './position-table.ts';
import { childrenOf } from './recognise.ts';

/**
 * Vision transformers: ViT (Dosovitskiy et al. 2021), DeiT (Touvron et al. 2021) and, without a classifier, DINO (Caron et al. 2021).
 * Names are those of timm (timm/models/vision_transformer.py), which DeiT and DINO share. Tokens are rows (n·tokens, c), the class token
 * first.
 */
export interface VitConfig extends CommonConfig {
  readonly imageSize: number;
  readonly patch: number;
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpRatio: number;
  readonly dropPath: number;
}

const OPTIONS: Options<VitConfig> = {
  patch: option(integer({ min: 1, max: 255 }), 'Kernel and stride of the patch embedding.', {
    unit: 'pixels',
  }),
  dim: option(width, 'Width.', { unit: 'channels' }),
  depth: option(integer({ min: 1, max: 256 }), 'Blocks.'),
  heads: option(integer({ min: 1, max: 1024 }), 'Heads of each attention; they divide the width.'),
  mlpRatio: option(factor, 'Inner width of each MLP, as a multiple of the width.'),
  dropPath,
};

/** The tap of the class token's probabilities (n, heads, tokens) in a block of a vision transformer. */
export function classAttentionTap(block: string): string {
  return `${block}.attn.class`;
}

/** The tap of all tokens' probabilities (n, heads, tokens, tokens): queries, keys. */
export function attentionMapTap(block: string): string {
  return `${block}.attn.map`;
}

function size(dim: number, depth: number, patch: number, classes: number): VitConfig {
  const shape = { dim, depth, mlpRatio: 4 };
  const heads = defined(publishedHeads(shape), 'heads');
  return { ...shape, classes, channels: 3, imageSize: 224, patch, heads, dropPath: 0 };
}

/** Width, blocks and heads of Ti, S, B, L and H. (timm: vision_transformer.py) */
const PUBLISHED = [
  [192, 12, 3],
  [384, 12, 6],
  [768, 12, 12],
  [1024, 24, 16],
  [1280, 32, 16],
] as const;

/** Heads of the published models of a shape, all with one number; undefined where there is none. */
function publishedHeads({
  dim,
  depth,
  mlpRatio,
}: Pick<VitConfig, 'dim' | 'depth' | 'mlpRatio'>): number | undefined {
  return PUBLISHED.find((known) => known[0] === dim && known[1] === depth && mlpRatio === 4)?.[2];
}

const weights = { init: truncNormal(), bias: ZERO };
const ROWS = { from: 'rows', to: 'rows' } as const;
/** Neither decays. (timm: no_weight_decay) */
const TABLE = { decays: false };

/** Features (n, dim): the class token behind the last norm. */
function recordFeatures(r: Recording, x: Tensor, config: VitConfig): Tensor {
  const { dim, depth, patch, imageSize } = config;
  const n = defined(x.spec.shape[0], 'images');
  const count = (imageSize / patch) ** 2 + 1;
  const cls = r.parameter('cls_token', [1, 1, dim], truncNormal(), TABLE);
  const positions = r.parameter('pos_embed', [1, count, dim], truncNormal(), TABLE);
  let rows = r.tapped('patch_embed', () => {
    const maps = conv2d(r, 'proj', x, dim, { kernel: patch, stride: patch, padding: 0 });
    return r.graph.one(tokens, { patches: r.graph.one(toRows, { x: maps }, {}), cls, positions }, {});
  });
  dropPathRates(depth, config.dropPath).forEach((rate, i) => {
    const settings = { ...config, dropPath: rate };
    rows = r.tapped(`blocks.${i}`, () => block(r, rows, settings, n, count));
  });
  // The norm and the classifier read no other token.
  const first = r.graph.one(firstToken, { x: rows }, { tokens: count });
  return r.graph.tap('norm', layerNorm(r, 'norm', first, ROWS));
}

function block(r: Recording, x: Tensor, config: VitConfig, n: number, count: number): Tensor {
  const { dim, heads, mlpRatio, dropPath } = config;
  x = r.half('attn', x, (input) => {
    const normal = layerNorm(r, 'norm1', input, ROWS);
    const branch = r.scoped('attn', () => {
      const qkv = linear(r, 'qkv', normal, 3 * dim, weights);
      return linear(r, 'proj', attend(r, qkv, heads, count), dim, weights);
    });
    return r.scoped('drop_path1', () => residualOfTokens(r, input, branch, n, dropPath));
  });
  return r.half('mlp', x, (input) => {
    const normal = layerNorm(r, 'norm2', input, ROWS);
    const branch = r.scoped('mlp', () => {
      const hidden = gelu(r, linear(r, 'fc1', normal, Math.trunc(dim * mlpRatio), weights));
      return linear(r, 'fc2', hidden, dim, weights);
    });
    return r.scoped('drop_path2', () => residualOfTokens(r, input, branch, n, dropPath));
  });
}

/** Attention; its probabilities are taps, computed only where they are read. */
function attend(r: Recording, qkv: Tensor, heads: number, count: number): Tensor {
  const attrs = { heads, tokens: count };
  const { y, logsumexp } = r.graph.apply(attention, { qkv }, attrs);
  const block = r.graph.scope.replace(/\.attn$/, '');
  const probabilities = (queries: 'first' | 'all') =>
    r.graph.one(attentionProbabilities, { qkv, logsumexp }, { ...attrs, queries });
  r.graph.tap(classAttentionTap(block), probabilities('first'));
  r.graph.tap(attentionMapTap(block), probabilities('all'));
  return y;
}

function conflict({ dim, heads, patch, imageSize }: VitConfig): Conflict | undefined {
  if (dim % heads !== 0)
    return {
      options: ['heads', 'dim'],
      found: `${heads} heads do not divide the width ${dim}`,
      hint: 'Set model.heads to a divisor of model.dim',
    };
  // A recipe's model does not hold the image size; its data does.
  if (Number.isInteger(imageSize) && imageSize % patch !== 0)
    return {
      options: ['patch'],
      found: `images of ${imageSize} pixels are no whole number of ${patch}-pixel patches`,
      hint: `Set data.imageSize to ${Math.max(1, Math.round(imageSize / patch)) * patch}`,
    };
  return undefined;
}

/** Attention and MLP are residual blocks of their own; papers count the two as one. */
function blocks({ depth }: VitConfig): Block[] {
  return Array.from({ length: depth }, (_, i) => `blocks.${i}`).flatMap((whole) =>
    ['attn', 'mlp'].map((half) => ({ name: `${whole}.${half}`, stage: 0, removable: true, whole })),
  );
}

/** Embeddings, then a group for each block, then norm and classifier. (facebookresearch/mae: util/lr_decay.py) */
const layerDecay: Family<VitConfig>['layerDecay'] = {
  groups: ({ depth }) => depth + 2,
  groupOf: (parameter, { depth }) => {
    const [, index] = /^blocks\.(\d+)\./.exec(parameter) ?? [];
    if (index !== undefined) return Number(index) + 1;
    return /^(norm|head)\./.test(parameter) ? depth + 1 : 0;
  },
};

function recognise(shapes: Shapes): Partial<VitConfig> | undefined {
  const [dim, , patch] = shapes.get('patch_embed.proj.weight') ?? [];
  const [, count = 0] = shapes.get('pos_embed') ?? [];
  const hidden = shapes.get('blocks.0.mlp.fc1.weight')?.[0];
  const side = Math.sqrt(count - 1);
  if (dim === undefined || patch === undefined || hidden === undefined || !(side > 0)) return undefined;
  if (!Number.isInteger(side)) return undefined;
  const shape = { dim, depth: childrenOf(shapes, 'blocks.'), mlpRatio: hidden / dim };
  // How many heads there are leaves no trace; see `untold` and `assumed`.
  return { ...shape, patch, heads: publishedHeads(shape) ?? 1, imageSize: side * patch };
}

/** A position table of another grid is resampled. */
function adapt(entry: string, found: readonly number[], wanted: readonly number[]): Adaptation | undefined {
  const [, , c] = wanted;
  const [from = NaN, to = NaN] = [found, wanted].map(([, count = 0]) => Math.sqrt(count - 1));
  const isGrid = Number.isInteger(from) && from > 0 && Number.isInteger(to);
  if (entry !== 'pos_embed' || c === undefined || found.length !== 3 || found[2] !== c || !isGrid)
    return undefined;
  return {
    note: `position table of ${from}×${from} patches resampled for ${to}×${to}`,
    apply: (data) => resamplePositions(data, { from, to, c }),
  };
}

const common = {
  options: OPTIONS,
  conflict,
  blocks,
  layerDecay,
  otherNames: (naming: OtherNaming, shapes: Shapes) =>
    naming === 'torchvision' ? toTorchvisionVit(shapes) : toHuggingfaceVit(shapes),
  untold: (config: VitConfig) => (publishedHeads(config) === undefined ? ('heads' as const) : undefined),
  assumed: () => 'heads' as const,
  imageSize: ({ imageSize }: VitConfig) => imageSize,
  fixedSize: true as const,
  adapt,
};

export const vit = defineFamily<VitConfig>({
  ...common,
  name: 'vit',
  presets: {
    'vit-b16': size(768, 12, 16, 1000),
    'vit-l16': size(1024, 24, 16, 1000),
    'deit-s16': size(384, 12, 16, 1000),
  },
  record: (r, x, config) => linear(r, 'head', recordFeatures(r, x, config), config.classes, weights),
  head: 'head',
  preprocessing: (_, pixels, name) =>
    name === 'deit-s16'
      ? evaluationAt(pixels)
      : // timm's for the AugReg weights; Google's code squashes bilinearly.
        evaluationAt(pixels, { ratio: pixels >= 384 ? 1 : 0.9, normalization: 'half' }),
  recognise: (shapes) => (shapes.has('head.weight') ? recognise(shapes) : undefined),
});

export const dino = defineFamily<VitConfig>({
  ...common,
  name: 'dino',
  presets: { 'dino-s16': size(384, 12, 16, 0), 'dino-s8': size(384, 12, 8, 0) },
  record: recordFeatures,
  head: null,
  otherNames: (naming, shapes) =>
    naming === 'torchvision' ? 'torchvision has no DINO' : toHuggingfaceVit(shapes),
  preprocessing: (_, pixels) => evaluationAt(pixels, { interpolation: 'bilinear' }),
  recognise: (shapes) => (shapes.has('head.weight') ? undefined : recognise(shapes)),
});
