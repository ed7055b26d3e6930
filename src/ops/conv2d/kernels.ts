import { flatGrid, sumParts } from '../dispatches.ts';
import { type ContextOf, type Dispatch, type Kernels, scratch } from '../kernels.ts';
import type { DeviceProfile } from '../../device/profile.ts';
import { f32 } from '../tensor.ts';
import {
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
  forwardShape,
  gradInputShape,
  gradWeightShape,
} from './op.ts';
import {
  type Im2col,
  im2colForward,
  im2colGradInput,
  im2colGradWeight,
  im2colVariants,
  shapeParams,
} from './im2col.ts';
import {
  type ConvPass,
  type Phases,
  phaseVariants,
  phasesForward,
  phasesGradInput,
  phasesGradWeight,
} from './phases.ts';
import type { ConvShape } from './reference.ts';
import {
  type Strided,
  stridedForward,
  stridedGradInput,
  stridedGradWeight,
  stridedVariants,
} from './strided.ts';

/** How each of the three convolution ops runs on a device. */

/** A tile has rows·lanesM by 4·lanesN elements. */
type Tile = {
  readonly kind: 'tile';
  readonly rows: number;
  readonly lanesM: number;
  readonly lanesN: number;
  readonly depth: number;
};

/** One output per invocation: for grouped convolutions, and depthwise ones of few taps. */
type Direct = { readonly kind: 'direct' };

type ConvVariant = Im2col | Tile | Phases | Strided | Direct;

const WORKGROUP = 64;

const LARGE: Tile = { kind: 'tile', rows: 8, lanesM: 8, lanesN: 16, depth: 16 };
const SMALL: Tile = { kind: 'tile', rows: 4, lanesM: 8, lanesN: 8, depth: 16 };
/** For few output rows, such as the three channels of an image's gradient or the 16 of a CIFAR network. */
const LOW: Tile = { kind: 'tile', rows: 4, lanesM: 4, lanesN: 32, depth: 16 };
const LOWEST: Tile = { kind: 'tile', rows: 4, lanesM: 1, lanesN: 64, depth: 4 };

/**
 * Ways to compute one pass of a convolution, best guess first. Dense ones are tiled matmuls of (output channels, or input
 * channels for grad-input) by (pixels, or taps for grad-weight).
 */
function variants(pass: ConvPass, s: ConvShape, profile: DeviceProfile): readonly ConvVariant[] {
  if (s.groups > 1)
    return [...stridedVariants(pass, s, profile), ...phaseVariants(pass, s, profile), { kind: 'direct' }];
  return [...im2colVariants(s, profile), ...tileVariants(pass, s)];
}

function tileVariants(pass: ConvPass, s: ConvShape): readonly Tile[] {
  const m = pass === 'grad-input' ? s.ci : s.co;
  if (m <= 4 && pass !== 'grad-weight') return [LOWEST];
  if (m <= 16) return [LOW];
  const n = pass === 'grad-weight' ? s.cg * s.kh * s.kw : (s.n * s.h * s.w) / (s.sh * s.sw);
  return tilesOf(LARGE, m, n) < 64 && pass !== 'grad-weight' ? [SMALL, LARGE] : [LARGE, SMALL];
}

function direct(s: ConvShape, pass: ConvPass, bindings: Dispatch['bindings'], groups: number): Dispatch {
  return {
    shader: `conv2d/direct-${pass}.wgsl`,
    params: { ...shapeParams(s), WORKGROUP },
    bindings,
    grid: flatGrid(groups),
  };
}

/** Workgroups that tile a matmul of m rows and n columns. */
function tilesOf({ rows, lanesM, lanesN }: Tile, m: number, n: number): number {
  return Math.ceil(m / (rows * lanesM)) * Math.ceil(n / (4 * lanesN));
}

function tile(
  s: ConvShape,
  pass: ConvPass,
  { rows, lanesM, lanesN, depth }: Tile,
  groups: number,
  bindings: Dispatch['bindings'],
  params: Readonly<Record<string, number>> = {},
): Dispatch {
  return {
    shader: `conv2d/tile-${pass}.wgsl`,
    params: {
      ...shapeParams(s),
      ROWS: rows,
      LANES_M: lanesM,
      LANES_N: lanesN,
      DEPTH: depth,
      UNROLL: lanesM > 1 ? 2 : depth,
      ...params,
    },
    bindings,
    grid: flatGrid(groups),
  };
}

export const conv2dKernels: Kernels<typeof conv2d, ConvVariant> = {
  op: conv2d,
  variants: ({ inputs, attrs, profile }) => variants('forward', forwardShape(inputs, attrs), profile),
  lower(context, variant) {
    const { inputs, outputs, attrs } = context;
    const s = forwardShape(inputs, attrs);
    if (variant.kind === 'im2col') return im2colForward(s, variant, context);
    if (variant.kind === 'phases') return phasesForward(s, variant, context);
    if (variant.kind === 'processor') return stridedForward(s, variant, context);
    const bindings = { ...inputs, ...outputs };
    const pixels = s.n * s.ho * s.wo;
    return variant.kind === 'tile'
      ? [tile(s, 'forward', variant, tilesOf(variant, s.co, pixels), bindings)]
      : [direct(s, 'forward', bindings, Math.ceil((s.co * pixels) / WORKGROUP))];
  },
};

export const conv2dGradInputKernels: Kernels<typeof conv2dGradInput, ConvVariant> = {
  op: conv2dGradInput,
  variants: ({ inputs, attrs, profile }) => variants('grad-input', gradInputShape(inputs, attrs), profile),
  lower(context, variant) {
    const { inputs, outputs, attrs } = context;
    const s = gradInputShape(inputs, attrs);
    if (variant.kind === 'im2col') return im2colGradInput(s, variant, context);
    if (variant.kind === 'phases') return phasesGradInput(s, variant, context);
    if (variant.kind === 'processor') return stridedGradInput(s, variant, context);
    const bindings = { ...inputs, ...outputs };
    // Pixels of one phase of the stride; see the shader.
    const pixels = s.n * Math.ceil(s.h / s.sh) * Math.ceil(s.w / s.sw);
    return variant.kind === 'tile'
      ? [tile(s, 'grad-input', variant, tilesOf(variant, s.ci, pixels) * s.sh * s.sw, bindings)]
      : [direct(s, 'grad-input', bindings, Math.ceil((s.n * s.ci * s.h * s.w) / WORKGROUP))];
  },
};

export const conv2dGradWeightKernels: Kernels<typeof conv2dGradWeight, ConvVariant> = {
  op: conv2dGradWeight,
  variants: ({ inputs, attrs, profile }) => variants('grad-weight', gradWeightShape(inputs, attrs), profile),
  lower(context, variant) {
    const { inputs, outputs, attrs } = context;
    const s = gradWeightShape(inputs, attrs);
    if (variant.kind === 'im2col') return im2colGradWeight(s, variant, context);
    if (variant.kind === 'phases') return phasesGradWeight(s, variant, context);
    if (variant.kind === 'processor') return stridedGradWeight(s, variant, context);
    if (variant.kind === 'tile') return tiledGradWeight(s, variant, context);
    return [direct(s, 'grad-weight', { ...inputs, ...outputs }, s.co * s.cg * s.kh * s.kw)];
  },
};

/** Parts of the pixels, then their sums. */
function tiledGradWeight(
  s: ConvShape,
  variant: Tile,
  { inputs, outputs: { dweight, dbias }, profile }: ContextOf<typeof conv2dGradWeight>,
): readonly Dispatch[] {
  const { lanesM, lanesN, depth } = variant;
  const taps = s.cg * s.kh * s.kw;
  const pixels = s.n * s.ho * s.wo;
  const tiles = tilesOf(variant, s.co, taps + Number(dbias !== undefined));
  const wanted = Math.min(
    Math.ceil(profile.busyLanes / (tiles * lanesM * lanesN)),
    Math.ceil(pixels / (16 * depth)),
  );
  const run = Math.ceil(pixels / wanted / depth) * depth;
  const parts = Math.ceil(pixels / run);
  const weightParts = scratch(f32(parts, s.co, taps));
  const biasParts = dbias && scratch(f32(parts, s.co));
  const bindings = { ...inputs, dweight: weightParts, dbias: biasParts };
  return [
    tile(s, 'grad-weight', variant, tiles * parts, bindings, { PARTS: parts, PART_PIXELS: run }),
    sumParts(weightParts, dweight),
    ...(dbias && biasParts ? [sumParts(biasParts, dbias)] : []),
  ];
}

export const kernels = [conv2dKernels, conv2dGradInputKernels, conv2dGradWeightKernels];
