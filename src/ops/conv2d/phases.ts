import type { DeviceProfile } from '../../device/profile.ts';
import { defined } from '../../util/errors.ts';
import { correlation, weightCorrelation } from '../depthwise/kernels.ts';
import type { Planes } from '../depthwise/planes.ts';
import { tilesFor } from '../depthwise/tiles.ts';
import { flatGrid } from '../dispatches.ts';
import { type ContextOf, type Dispatch, type Operand, scratch } from '../kernels.ts';
import { sumRows } from '../row-sum/kernels.ts';
import { type TensorSpec, elems, f32, like } from '../tensor.ts';
import { shapeParams } from './im2col.ts';
import type { conv2d, conv2dGradInput, conv2dGradWeight } from './op.ts';
import type { ConvShape } from './reference.ts';

/**
 * A depthwise convolution with a stride, or with several output channels an input channel, by the kernels of the plain one. With strides
 * sh, sw the map falls into sh·sw phases, every sh-th row and sw-th column from row and column r; each meets the taps of its own phase at
 * stride 1, so phases are channels of a plain correlation, and their results are added up. An input channel of several outputs is copied.
 * No multiply-add is lost, and every copy is as large as a map.
 */
export type Phases = {
  readonly kind: 'phases';
  /** Which of the tiles that the correlation has. */
  readonly tile: number;
};

/** One dimension. Tap k meets, for output o, element stride·(o + a) + r of the map, where k − padding = stride·a + r. */
interface Axis {
  /** Elements of a phase. */
  readonly size: number;
  readonly out: number;
  /** Least and greatest a whose tap meets data. */
  readonly first: number;
  readonly last: number;
}

function axisOf(size: number, out: number, k: number, stride: number, padding: number): Axis {
  const elements = Math.ceil(size / stride);
  return {
    size: elements,
    out,
    first: Math.max(Math.floor(-padding / stride), 1 - out),
    last: Math.min(Math.floor((k - 1 - padding) / stride), elements - 1),
  };
}

export interface Geometry {
  readonly y: Axis;
  readonly x: Axis;
  /** Phases. */
  readonly phases: number;
  /** Output channels of an input channel. */
  readonly multiplier: number;
  /** Channels of the correlation: a phase of an output channel each. */
  readonly channels: number;
  /** Rows and columns of taps of a phase. */
  readonly taps: readonly [number, number];
}

export function geometryOf(s: ConvShape): Geometry {
  const y = axisOf(s.h, s.ho, s.kh, s.sh, s.ph);
  const x = axisOf(s.w, s.wo, s.kw, s.sw, s.pw);
  const phases = s.sh * s.sw;
  const taps = [y.last - y.first + 1, x.last - x.first + 1] as const;
  return { y, x, phases, multiplier: s.co / s.ci, channels: s.co * phases, taps };
}

export type ConvPass = 'forward' | 'grad-input' | 'grad-weight';

/** The correlation of all phases. In grad-input dy is the map, and the taps are turned. */
export function planesOf({ n }: ConvShape, pass: ConvPass, { y, x, channels: c, taps }: Geometry): Planes {
  const [kh, kw] = taps;
  const pads = { padY: -y.first, padX: -x.first };
  const sizes = { n, c, h: y.size, w: x.size, kh, kw };
  switch (pass) {
    case 'forward':
      return { mode: 'forward', sizes, outH: y.out, outW: x.out, tapH: kh, tapW: kw, ...pads };
    case 'grad-input':
      return {
        mode: 'forward',
        sizes: { ...sizes, h: y.out, w: x.out },
        outH: y.size,
        outW: x.size,
        tapH: kh,
        tapW: kw,
        padY: y.last,
        padX: x.last,
      };
    case 'grad-weight':
      return { mode: 'weight', sizes, outH: kh, outW: kw, tapH: y.out, tapW: x.out, ...pads };
  }
}

/** Kernels with fewer taps gain less by the correlation than the copies of their phases cost. */
const LEAST_TAPS = 25;

/** Whether a convolution is a depthwise one that falls into phases: with taps on both sides of an output. */
export function hasPhases(s: ConvShape): boolean {
  if (s.cg !== 1) return false;
  const { y, x } = geometryOf(s);
  return [y, x].every(({ first, last }) => first <= 0 && last >= 0);
}

/** The ways to compute a pass so, where its kernel is large enough, best guess first. */
export function phaseVariants(pass: ConvPass, s: ConvShape, profile: DeviceProfile): readonly Phases[] {
  if (s.kh * s.kw < LEAST_TAPS || !hasPhases(s)) return [];
  const g = geometryOf(s);
  const largest = s.n * g.channels * Math.max(g.y.size * g.x.size, s.ho * s.wo) * 4;
  if (largest > profile.limits.maxStorageBufferBindingSize) return [];
  return tilesFor(planesOf(s, pass, g), profile).map((_, tile) => ({ kind: 'phases', tile }));
}

/** The correlation of a pass, and the tile that a variant means. */
function chosen(s: ConvShape, pass: ConvPass, variant: Phases, profile: DeviceProfile) {
  const geometry = geometryOf(s);
  const planes = planesOf(s, pass, geometry);
  return { geometry, planes, tile: defined(tilesFor(planes, profile)[variant.tile], 'tile') };
}

const WORKGROUP = 64;

/** One invocation an element of `out`. */
function elementwise(
  shader: string,
  s: ConvShape,
  { y, x, taps }: Geometry,
  out: TensorSpec,
  bindings: Dispatch['bindings'],
  params: Dispatch['params'] = {},
): Dispatch {
  const sizes = { PHASE_H: y.size, PHASE_W: x.size, FIRST_Y: y.first, FIRST_X: x.first };
  const [TAPS_H, TAPS_W] = taps;
  return {
    shader: `conv2d/${shader}.wgsl`,
    params: { ...shapeParams(s), ...sizes, TAPS_H, TAPS_W, WORKGROUP, ...params },
    bindings,
    grid: flatGrid(Math.ceil(elems(out.shape) / WORKGROUP)),
  };
}

/** A copy of x, by phases and for each output channel; x itself where there is one of both. */
function phasesOf(s: ConvShape, g: Geometry, x: Operand): [phases: Operand, steps: readonly Dispatch[]] {
  if (g.phases * g.multiplier === 1) return [x, []];
  const phases = scratch(like(x, s.n, g.channels, g.y.size, g.x.size));
  return [phases, [elementwise('phases', s, g, phases, { x, phases })]];
}

/** dy copied for each phase. */
function repeated(s: ConvShape, g: Geometry, dy: Operand): [copies: Operand, steps: readonly Dispatch[]] {
  if (g.phases === 1) return [dy, []];
  const copies = scratch(like(dy, s.n, g.channels, s.ho, s.wo));
  return [copies, [elementwise('phase-copies', s, g, copies, { dy, copies })]];
}

/** The taps of each phase. @param TURNED by 180°, for the gradient of the input */
function tapsOf(s: ConvShape, g: Geometry, weight: Operand, TURNED: boolean): [Operand, Dispatch] {
  const taps = scratch(f32(g.channels, 1, ...g.taps));
  return [taps, elementwise('phase-taps', s, g, taps, { weight, taps }, { TURNED })];
}

export function phasesForward(
  s: ConvShape,
  variant: Phases,
  { inputs: { x, weight, bias }, outputs: { y }, profile }: ContextOf<typeof conv2d>,
): readonly Dispatch[] {
  const { geometry: g, planes, tile } = chosen(s, 'forward', variant, profile);
  const [phases, before] = phasesOf(s, g, x);
  const [taps, cut] = tapsOf(s, g, weight, false);
  if (g.phases === 1) return [...before, cut, correlation(planes, tile, { x: phases, taps, bias, out: y })];
  const parts = scratch(f32(s.n, g.channels, s.ho, s.wo));
  return [
    ...before,
    cut,
    correlation(planes, tile, { x: phases, taps, out: parts }),
    elementwise('phase-sums', s, g, y, { parts, bias, y }),
  ];
}

export function phasesGradInput(
  s: ConvShape,
  variant: Phases,
  { inputs: { dy, weight }, outputs: { dx }, profile }: ContextOf<typeof conv2dGradInput>,
): readonly Dispatch[] {
  const { geometry: g, planes, tile } = chosen(s, 'grad-input', variant, profile);
  const [copies, before] = repeated(s, g, dy);
  const [taps, cut] = tapsOf(s, g, weight, true);
  const parts = scratch(f32(s.n, g.channels, g.y.size, g.x.size));
  return [
    ...before,
    cut,
    correlation(planes, tile, { x: copies, taps, out: parts }),
    elementwise('phase-grad-input', s, g, dx, { parts, dx }),
  ];
}

export function phasesGradWeight(
  s: ConvShape,
  variant: Phases,
  { inputs: { x, dy }, outputs: { dweight, dbias }, profile }: ContextOf<typeof conv2dGradWeight>,
): readonly Dispatch[] {
  const { geometry: g, planes, tile } = chosen(s, 'grad-weight', variant, profile);
  const [phases, before] = phasesOf(s, g, x);
  const [copies, copy] = repeated(s, g, dy);
  const parts = scratch(f32(g.channels, 1, ...g.taps));
  return [
    ...before,
    ...copy,
    ...weightCorrelation(planes, tile, { x: phases, dy: copies, dweight: parts }),
    elementwise('phase-grad-weight', s, g, dweight, { parts, dweight }),
    ...(dbias ? sumRows({ ...dy, shape: [s.n, s.co, s.ho * s.wo] }, dbias, profile) : []),
  ];
}
