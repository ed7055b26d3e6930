import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid, sumParts } from '../dispatches.ts';
import {
  type AnyKernels,
  type Dispatch,
  type Kernels,
  type LowerContext,
  type Lowering,
  type Variant,
  input,
  output,
  scratch,
} from '../kernels.ts';
import { f32 } from '../tensor.ts';
import {
  type ConvAttrs,
  type ConvGradInputAttrs,
  type ConvGradWeightAttrs,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
  forwardShape,
  gradInputShape,
  gradWeightShape,
} from './op.ts';
import {
  patchesForward,
  patchesGradInput,
  patchesGradWeight,
  patchesVariants,
  shapeParams,
} from './patches.ts';
import type { ConvShape } from './reference.ts';

/** How each of the three convolution ops runs on a device. */

export type ConvPass = 'forward' | 'grad-input' | 'grad-weight';

const WORKGROUP = 64;

const LARGE: Variant = { kind: 'tile', rows: 8, lanesM: 8, lanesN: 16, depth: 16 };
const SMALL: Variant = { kind: 'tile', rows: 4, lanesM: 8, lanesN: 8, depth: 16 };
/** For few output rows: the three channels of an image's gradient, the 16 of a CIFAR network. */
const LOW: Variant = { kind: 'tile', rows: 4, lanesM: 4, lanesN: 32, depth: 16 };
const LOWEST: Variant = { kind: 'tile', rows: 4, lanesM: 1, lanesN: 64, depth: 4 };

/**
 * Ways to compute one pass of a convolution, best guess first. Dense ones are tiled products of (output channels, or input
 * channels for grad-input) by (pixels, or taps for grad-weight); a tile has rows·lanesM by 4·lanesN elements.
 */
export function convVariants(pass: ConvPass, s: ConvShape, profile: DeviceProfile): readonly Variant[] {
  if (s.groups > 1) return [{ kind: 'direct' }];
  return [...patchesVariants(s, profile), ...tileVariants(pass, s)];
}

function tileVariants(pass: ConvPass, s: ConvShape): readonly Variant[] {
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

/** Workgroups that tile a product of m rows and n columns. */
function tilesOf(variant: Variant, m: number, n: number): number {
  const [rows, lanesM, lanesN] = [
    Number(variant['rows']),
    Number(variant['lanesM']),
    Number(variant['lanesN']),
  ];
  return Math.ceil(m / (rows * lanesM)) * Math.ceil(n / (4 * lanesN));
}

function tile(
  s: ConvShape,
  pass: ConvPass,
  variant: Variant,
  groups: number,
  bindings: Dispatch['bindings'],
  params: Readonly<Record<string, number>> = {},
): Dispatch {
  return {
    shader: `conv2d/tile-${pass}.wgsl`,
    params: {
      ...shapeParams(s),
      ROWS: Number(variant['rows']),
      LANES_M: Number(variant['lanesM']),
      LANES_N: Number(variant['lanesN']),
      DEPTH: Number(variant['depth']),
      UNROLL: Number(variant['lanesM']) > 1 ? 2 : Number(variant['depth']),
      ...params,
    },
    bindings,
    grid: flatGrid(groups),
  };
}

export function lowerForward(
  s: ConvShape,
  bias: boolean,
  variant: Variant,
  context: LowerContext<unknown>,
): Lowering {
  if (variant['kind'] === 'patches') return patchesForward(s, bias, variant, context);
  const bindings = {
    x: input(0),
    weight: input(1),
    bias: bias ? input(2) : undefined,
    y: output(0),
  };
  const pixels = s.n * s.ho * s.wo;
  const dispatch =
    variant['kind'] === 'tile'
      ? tile(s, 'forward', variant, tilesOf(variant, s.co, pixels), bindings)
      : direct(s, 'forward', bindings, Math.ceil((s.co * pixels) / WORKGROUP));
  return { scratch: [], dispatches: [dispatch] };
}

export function lowerGradInput(s: ConvShape, variant: Variant, context: LowerContext<unknown>): Lowering {
  if (variant['kind'] === 'patches') return patchesGradInput(s, variant, context);
  const bindings = { dy: input(0), weight: input(1), dx: output(0) };
  // Pixels of one phase of the stride; see the shader.
  const pixels = s.n * Math.ceil(s.h / s.sh) * Math.ceil(s.w / s.sw);
  const dispatch =
    variant['kind'] === 'tile'
      ? tile(s, 'grad-input', variant, tilesOf(variant, s.ci, pixels) * s.sh * s.sw, bindings)
      : direct(s, 'grad-input', bindings, Math.ceil((s.n * s.ci * s.h * s.w) / WORKGROUP));
  return { scratch: [], dispatches: [dispatch] };
}

export function lowerGradWeight(
  s: ConvShape,
  bias: boolean,
  accumulate: readonly boolean[],
  variant: Variant,
  context: LowerContext<unknown>,
): Lowering {
  if (variant['kind'] === 'patches') return patchesGradWeight(s, bias, accumulate, variant, context);
  const [x, dy] = [input(0), input(1)];
  const dweight = output(0, accumulate[0]);
  const dbias = bias ? output(1, accumulate[1]) : undefined;
  const taps = s.cg * s.kh * s.kw;
  if (variant['kind'] !== 'tile') {
    const dispatch = direct(s, 'grad-weight', { x, dy, dweight, dbias }, s.co * taps);
    return { scratch: [], dispatches: [dispatch] };
  }
  const pixels = s.n * s.ho * s.wo;
  const depth = Number(variant['depth']);
  const tiles = tilesOf(variant, s.co, taps + Number(bias));
  const wanted = Math.min(
    Math.ceil(context.profile.busyLanes / (tiles * Number(variant['lanesM']) * Number(variant['lanesN']))),
    Math.ceil(pixels / (16 * depth)),
  );
  const run = Math.ceil(pixels / wanted / depth) * depth;
  const parts = Math.ceil(pixels / run);
  const sums = { x, dy, dweight: scratch(0), dbias: bias ? scratch(1) : undefined };
  return {
    scratch: [f32(parts, s.co, taps), ...(bias ? [f32(parts, s.co)] : [])],
    dispatches: [
      tile(s, 'grad-weight', variant, tiles * parts, sums, { PARTS: parts, PART_PIXELS: run }),
      sumParts(scratch(0), dweight, s.co * taps, parts),
      ...(dbias === undefined ? [] : [sumParts(scratch(1), dbias, s.co, parts)]),
    ],
  };
}

export const conv2dKernels: Kernels<ConvAttrs> = {
  op: conv2d,
  variants: (context) =>
    convVariants('forward', forwardShape(context.inputs, context.attrs), context.profile),
  lower: (context, variant) =>
    lowerForward(forwardShape(context.inputs, context.attrs), context.inputs.length > 2, variant, context),
};

export const conv2dGradInputKernels: Kernels<ConvGradInputAttrs> = {
  op: conv2dGradInput,
  variants: (context) =>
    convVariants('grad-input', gradInputShape(context.inputs, context.attrs), context.profile),
  lower: (context, variant) =>
    lowerGradInput(gradInputShape(context.inputs, context.attrs), variant, context),
};

export const conv2dGradWeightKernels: Kernels<ConvGradWeightAttrs> = {
  op: conv2dGradWeight,
  variants: (context) =>
    convVariants('grad-weight', gradWeightShape(context.inputs, context.attrs), context.profile),
  lower: (context, variant) => {
    const { inputs, attrs, accumulate } = context;
    return lowerGradWeight(gradWeightShape(inputs, attrs), attrs.bias, accumulate, variant, context);
  },
};

export const kernels: readonly AnyKernels[] = [
  conv2dKernels,
  conv2dGradInputKernels,
  conv2dGradWeightKernels,
];
