import { add } from '../ops/add/op.ts';
import { attention, attentionGradient, attentionProbabilities } from '../ops/attention/op.ts';
import { batchNorm, batchNormGradient } from '../ops/batch-norm/op.ts';
import { columnSum } from '../ops/column-sum/op.ts';
import { type ConvAttrs, conv2d, conv2dGradInput, conv2dGradWeight } from '../ops/conv2d/op.ts';
import { softCrossEntropy } from '../ops/cross-entropy/op.ts';
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from '../ops/depthwise/op.ts';
import { groupNorm, groupNormGradient } from '../ops/group-norm/op.ts';
import { layerNorm, layerNormGradient, layerNormStatistics } from '../ops/layer-norm/op.ts';
import type { LayerNormAttrs } from '../ops/layer-norm/shape.ts';
import { toRows } from '../ops/layout/op.ts';
import {
  type FusedMatmulAttrs,
  matmulGelu,
  matmulGeluGradient,
  matmulNorm,
  matmulResidual,
} from '../ops/matmul/fused.ts';
import { type MatmulAttrs, matmul } from '../ops/matmul/op.ts';
import type { AnyOp, Named, Op } from '../ops/op.ts';
import { SCALARS_SPEC, adamw, packScalars } from '../ops/optimizer/op.ts';
import { maxPool } from '../ops/pool/op.ts';
import { sumSquares } from '../ops/reduce/op.ts';
import { scaleResidual, scaleResidualGradient } from '../ops/scale-residual/op.ts';
import { standardize, standardizeGradient } from '../ops/standardize/op.ts';
import { type TensorSpec, f32 } from '../ops/tensor.ts';

/** One op at one shape. */
export interface OpRow {
  /** The layer that it belongs to, and its shape. */
  readonly label: string;
  /** Which of an op's passes it is. */
  readonly pass: 'forward' | 'grad-input' | 'grad-weight' | 'grad-bias' | 'gradient';
  readonly op: AnyOp;
  readonly inputs: Readonly<Record<string, TensorSpec | undefined>>;
  readonly attrs: unknown;
  /** Data of some inputs; a fixed wave elsewhere. */
  readonly data?: Readonly<Record<string, Float32Array>>;
}

function row<A, I extends string, O extends string>(
  label: string,
  pass: OpRow['pass'],
  op: Op<A, I, O>,
  inputs: Named<TensorSpec, I>,
  attrs: A,
  data: OpRow['data'] = {},
): OpRow {
  return { label, pass, op: op, inputs: { ...inputs }, attrs, data };
}

/** BiT's GroupNorm, with its ReLU. */
const BIT_NORM = { groups: 32, eps: 1e-5, relu: true };

/** The four stages of ConvNeXt-T at 224 px: side of a map, channels. */
export const STAGES = [
  [56, 96],
  [28, 192],
  [14, 384],
  [7, 768],
] as const;

function depthwiseRows(size: number, channels: number, kernel: number): OpRow[] {
  const map = f32(1, channels, size, size);
  const bias = f32(channels);
  const weight = f32(channels, 1, kernel, kernel);
  const label = `${size}x${size}x${channels} k=${kernel}`;
  return [
    row(label, 'forward', depthwise, { x: map, weight, bias }, {}),
    row(label, 'grad-input', depthwiseGradInput, { dy: map, weight }, {}),
    row(
      label,
      'grad-weight',
      depthwiseGradWeight,
      { x: map, dy: map },
      { kh: kernel, kw: kernel, bias: true },
    ),
  ];
}

/** A depthwise convolution with a stride, or with several output channels an input channel, as the Robust-ResNets have them. */
function stridedRows(size: number, channels: number, kernel: number, stride: number, multiplier: number) {
  const label = `depthwise ${size}x${size}x${channels}${multiplier > 1 ? ` x${multiplier}` : ''} k=${kernel} /${stride}`;
  const shape = [1, channels, size, size] as const;
  return convRows(label, shape, channels * multiplier, kernel, stride, kernel >> 1, channels);
}

/** A linear layer: forward, gradients of its input, its weight and its bias. */
function linear(rows: number, from: number, to: number): OpRow[] {
  const [x, weight, y] = [f32(rows, from), f32(to, from), f32(rows, to)];
  const label = `linear ${rows}x${from}-${to}`;
  const product = (transposeA: boolean, transposeB: boolean, bias: MatmulAttrs['bias']): MatmulAttrs => ({
    transposeA,
    transposeB,
    bias,
  });
  return [
    row(label, 'forward', matmul, { a: x, b: weight, bias: f32(to) }, product(false, true, 'cols')),
    row(label, 'grad-input', matmul, { a: y, b: weight }, product(false, false, 'none')),
    row(label, 'grad-weight', matmul, { a: y, b: x }, product(true, false, 'none')),
    row(label, 'grad-bias', columnSum, { x: y }, {}),
  ];
}

/** The products of a ConvNeXt block as a training step has them, with what is before and after them. */
function blockProducts(n: number, size: number, c: number): OpRow[] {
  const rows = n * size * size;
  const [maps, hidden] = [f32(n, c, size, size), f32(rows, 4 * c)];
  const label = `block ${n}x${c}x${size}x${size}`;
  const forward = { transposeA: false, transposeB: true, bias: 'cols' } as const;
  const bare = { transposeA: false, transposeB: false, bias: 'none' } as const;
  const isNormed = (size * size) % 4 === 0;
  const norm = isNormed ? { statistics: f32(2 * rows), norm_weight: f32(c), norm_bias: f32(c) } : {};
  const normal = (operand: 'a' | 'b'): Partial<FusedMatmulAttrs> => (isNormed ? { normal: operand } : {});
  const x = isNormed ? maps : f32(rows, c);
  return [
    row(
      `${label} norm, pwconv1, gelu`,
      'forward',
      matmulGelu,
      { a: x, b: f32(4 * c, c), bias: f32(4 * c), ...norm },
      { ...forward, ...normal('a'), keep: true },
    ),
    row(
      `${label} pwconv2, residual`,
      'forward',
      matmulResidual,
      { a: hidden, b: f32(c, 4 * c), bias: f32(c), addend: maps, gamma: f32(c), mask: f32(n) },
      { ...forward, keep: true },
    ),
    row(
      `${label} pwconv2, gelu`,
      'grad-input',
      matmulGeluGradient,
      { a: f32(rows, c), b: f32(c, 4 * c), h: hidden },
      bare,
    ),
    row(
      `${label} norm, pwconv1`,
      'grad-weight',
      isNormed ? matmulNorm : matmul,
      { a: hidden, b: x, ...norm },
      { ...bare, transposeA: true, ...normal('b') },
    ),
  ];
}

/** The second half of a transformer's branch: its last product, then the sum; beside the product of maps with about as many rows. */
function tokenProducts(n: number, tokens: number, from: number, to: number): OpRow[] {
  const [rows, side] = [n * tokens, Math.floor(Math.sqrt(tokens))];
  const label = `tokens ${n}x${tokens}x${from}-${to}`;
  const [y, weights] = [f32(rows, to), { b: f32(to, from), bias: f32(to) }];
  const product = { transposeA: false, transposeB: true, bias: 'cols' } as const;
  const maps = { a: f32(n * side * side, from), ...weights, addend: f32(n, to, side, side) };
  return [
    row(label, 'forward', matmul, { a: f32(rows, from), ...weights }, product),
    row(`${label} sum`, 'forward', add, { a: y, b: y }, {}),
    row(
      `${label} sum, drop path`,
      'forward',
      scaleResidual,
      { x: y, branch: y, mask: f32(n) },
      { from: 'tokens' },
    ),
    row(`${label} as maps, residual`, 'forward', matmulResidual, maps, { ...product, keep: false }),
  ];
}

function norm(label: string, x: TensorSpec, cols: number, attrs: LayerNormAttrs): OpRow[] {
  const weight = f32(cols);
  const inputs = { x, weight, bias: weight };
  const { y, statistics } = layerNorm.infer(inputs, attrs);
  return [
    row(label, 'forward', layerNorm, inputs, attrs),
    row(label, 'gradient', layerNormGradient, { x, weight, statistics, dy: y }, attrs),
  ];
}

function groupNormRows(label: string, x: TensorSpec): OpRow[] {
  const channel = f32(x.shape[1] ?? 0);
  const inputs = { x, weight: channel, bias: channel };
  const { mean, rstd } = groupNorm.infer(inputs, BIT_NORM);
  const attrs = { groups: BIT_NORM.groups, relu: true, parameters: true };
  return [
    row(`group-norm ${label}`, 'forward', groupNorm, inputs, BIT_NORM),
    row(`group-norm ${label}`, 'gradient', groupNormGradient, { ...inputs, mean, rstd, dy: x }, attrs),
  ];
}

function standardizeRows(...shape: number[]): OpRow[] {
  const weight = f32(...shape);
  const attrs = { eps: 1e-10 };
  const { mean, rstd } = standardize.infer({ weight }, attrs);
  const label = `standardize ${shape.join('x')}`;
  return [
    row(label, 'forward', standardize, { weight }, attrs),
    row(label, 'gradient', standardizeGradient, { weight, mean, rstd, dy: weight }, {}),
  ];
}

function batchNormRows(label: string, x: TensorSpec): OpRow[] {
  const channel = f32(x.shape[1] ?? 0);
  const inputs = { x, weight: channel, bias: channel };
  const running = { running_mean: channel, running_var: channel };
  return [
    row(
      `batch-norm ${label}`,
      'forward',
      batchNorm,
      { ...inputs, ...running },
      {
        eps: 1e-5,
        momentum: 0.1,
        training: true,
        relu: true,
      },
    ),
    row(
      `batch-norm ${label}`,
      'gradient',
      batchNormGradient,
      { ...inputs, mean: channel, rstd: channel, dy: x },
      {
        training: true,
        relu: true,
        parameters: true,
      },
    ),
  ];
}

function residual(n: number, c: number, size: number): OpRow[] {
  const [maps, rows] = [f32(n, c, size, size), f32(n * size * size, c)];
  const attrs = { from: 'rows' } as const;
  const label = `${n}x${c}x${size}x${size}`;
  const factors = { gamma: f32(c), mask: f32(n) };
  return [
    row(`scale-residual ${label}`, 'forward', scaleResidual, { x: maps, branch: rows, ...factors }, attrs),
    row(
      `scale-residual ${label}`,
      'gradient',
      scaleResidualGradient,
      { branch: rows, dy: maps, ...factors },
      attrs,
    ),
    row(`to-rows ${label}`, 'forward', toRows, { x: maps }, {}),
  ];
}

/** The three passes of one convolution. */
function convRows(
  label: string,
  x: readonly [number, number, number, number],
  co: number,
  kernel: number,
  stride: number,
  padding: number,
  groups = 1,
): OpRow[] {
  const attrs: ConvAttrs = { stride: [stride, stride], padding: [padding, padding], groups };
  const [n, ci, h, w] = x;
  const out = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const [input, weight, dy] = [f32(...x), f32(co, ci / groups, kernel, kernel), f32(n, co, out(h), out(w))];
  return [
    row(label, 'forward', conv2d, { x: input, weight, bias: f32(co) }, attrs),
    row(label, 'grad-input', conv2dGradInput, { dy, weight }, { ...attrs, h, w }),
    row(
      label,
      'grad-weight',
      conv2dGradWeight,
      { x: input, dy },
      {
        ...attrs,
        kh: kernel,
        kw: kernel,
        bias: true,
      },
    ),
  ];
}

/** Self-attention of images of `tokens` tokens, heads of 64. */
function attentionRows(label: string, n: number, tokens: number, heads: number): OpRow[] {
  const attrs = { heads, tokens };
  const qkv = f32(n * tokens, 3 * heads * 64);
  const { y, logsumexp } = attention.infer({ qkv }, attrs);
  return [
    row(label, 'forward', attention, { qkv }, attrs),
    row(label, 'gradient', attentionGradient, { qkv, y, logsumexp, dy: y }, attrs),
  ];
}

const PARAMETERS = f32(2 ** 23);
const ADAMW = packScalars({ lr: 1e-3, step: 10, weightDecay: 0.05, emaDecay: 0.999 });

/** The tables of `largekernel bench ops`, by name. */
export const OP_SETS = {
  depthwise: [
    ...STAGES.flatMap(([size, channels]) =>
      [7, 13, 31, 51].flatMap((kernel) => depthwiseRows(size, channels, kernel)),
    ),
    ...stridedRows(14, 768, 11, 2, 1),
    ...stridedRows(14, 3072, 7, 2, 1),
    ...stridedRows(14, 384, 11, 2, 2),
    ...stridedRows(14, 96, 11, 1, 2),
    ...stridedRows(56, 256, 3, 2, 1),
    ...stridedRows(56, 96, 7, 2, 1),
    ...stridedRows(56, 96, 11, 2, 1),
  ],
  matmul: [
    ...linear(784, 1536, 384),
    ...[1, 8].flatMap((n) =>
      STAGES.flatMap(([size, c]) => [
        ...linear(n * size * size, c, 4 * c),
        ...linear(n * size * size, 4 * c, c),
      ]),
    ),
    ...STAGES.flatMap(([size, c]) => blockProducts(8, size, c)),
    ...tokenProducts(2, 197, 768, 768),
    ...tokenProducts(2, 197, 3072, 768),
    ...tokenProducts(2, 197, 1536, 384),
  ],
  norm: [
    ...norm('layer-norm rows 12544x96', f32(12544, 96), 96, { eps: 1e-6, from: 'rows', to: 'rows' }),
    ...norm('layer-norm to rows 4x96x56x56', f32(4, 96, 56, 56), 96, { eps: 1e-6, from: 'nchw', to: 'rows' }),
    ...norm('layer-norm maps 4x96x56x56', f32(4, 96, 56, 56), 96, { eps: 1e-6, from: 'nchw', to: 'nchw' }),
    ...norm('layer-norm to rows 4x768x7x7', f32(4, 768, 7, 7), 768, { eps: 1e-6, from: 'nchw', to: 'rows' }),
    row(
      'layer-norm statistics 4x96x56x56',
      'forward',
      layerNormStatistics,
      { x: f32(4, 96, 56, 56) },
      {
        eps: 1e-6,
      },
    ),
    ...batchNormRows('8x64x56x56', f32(8, 64, 56, 56)),
    ...batchNormRows('8x2048x7x7', f32(8, 2048, 7, 7)),
    ...groupNormRows('2x768x56x56', f32(2, 768, 56, 56)),
    ...groupNormRows('2x6144x7x7', f32(2, 6144, 7, 7)),
    ...standardizeRows(768, 768, 3, 3),
    ...standardizeRows(6144, 1536, 1, 1),
  ],
  conv: [
    ...convRows('convnext-t stem 4x4/4 3-96', [4, 3, 224, 224], 96, 4, 4, 0),
    ...convRows('convnext-t down 2x2/2 96-192', [4, 96, 56, 56], 192, 2, 2, 0),
    ...convRows('convnext-t down 2x2/2 384-768', [4, 384, 14, 14], 768, 2, 2, 0),
    ...convRows('resnet50 stem 7x7/2 3-64', [2, 3, 224, 224], 64, 7, 2, 3),
    ...convRows('resnet50 3x3 64-64', [2, 64, 56, 56], 64, 3, 1, 1),
    ...convRows('resnet50 3x3/2 128-128', [2, 128, 56, 56], 128, 3, 2, 1),
    ...convRows('resnet50 3x3 512-512', [4, 512, 7, 7], 512, 3, 1, 1),
    ...convRows('resnet50 1x1 256-64', [2, 256, 56, 56], 64, 1, 1, 0),
    ...convRows('resnet50 1x1/2 256-512', [2, 256, 56, 56], 512, 1, 2, 0),
    ...convRows('resnet20 3x3 16-16', [64, 16, 32, 32], 16, 3, 1, 1),
    ...convRows('resnet20 3x3/2 16-32', [64, 16, 32, 32], 32, 3, 2, 1),
    ...convRows('resnet20 3x3 64-64', [64, 64, 8, 8], 64, 3, 1, 1),
  ],
  attention: [
    ...attentionRows('vit-b16 224 px 2x197x12', 2, 197, 12),
    ...attentionRows('vit-b16 384 px 1x577x12', 1, 577, 12),
    ...attentionRows('vit-l16 224 px 2x197x16', 2, 197, 16),
    ...attentionRows('dino-s8 224 px 1x785x6', 1, 785, 6),
    row(
      'dino-s8 class token 1x785x6',
      'forward',
      attentionProbabilities,
      { qkv: f32(785, 3 * 384), logsumexp: f32(1, 6, 785) },
      { heads: 6, tokens: 785, queries: 'first' },
    ),
  ],
  rest: [
    ...residual(4, 96, 56),
    row(
      'max-pool resnet50',
      'forward',
      maxPool,
      { x: f32(4, 64, 112, 112) },
      {
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
      },
    ),
    row(
      'cross-entropy 1000',
      'forward',
      softCrossEntropy,
      { logits: f32(128, 1000), targets: f32(128, 1000) },
      {},
    ),
    row(
      'adamw+ema 8 M',
      'forward',
      adamw,
      {
        parameter: PARAMETERS,
        m: PARAMETERS,
        v: PARAMETERS,
        gradient: PARAMETERS,
        scalars: SCALARS_SPEC,
        ema: PARAMETERS,
      },
      {},
      { scalars: ADAMW },
    ),
    row('sum-squares 8 M', 'forward', sumSquares, { x: PARAMETERS }, {}),
  ],
} as const satisfies Readonly<Record<string, readonly OpRow[]>>;

export type OpSet = keyof typeof OP_SETS;
