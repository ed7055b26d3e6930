import type { DeviceProfile } from '../../device/profile.ts';
import { defined } from '../../util/errors.ts';
import type { Planes } from '../depthwise/planes.ts';
import { type PlainTile, layout, vectorTiles } from '../depthwise/tiles.ts';
import { flatGrid } from '../dispatches.ts';
import type { ContextOf, Dispatch } from '../kernels.ts';
import { sumRows } from '../row-sum/kernels.ts';
import type { conv2d, conv2dGradInput, conv2dGradWeight } from './op.ts';
import { type ConvPass, geometryOf, hasPhases, planesOf } from './phases.ts';
import type { ConvShape } from './reference.ts';

/**
 * A depthwise convolution by phases as phases.ts has it, but without copies, each element read where it lies: on software adapters, where
 * a copy costs as much as many multiply-adds.
 */
export type Strided = {
  readonly kind: 'processor';
  /** What neighbouring lanes are: columns of a plane, or channels, each with a whole small plane. */
  readonly lanes: 'columns' | 'channels';
  /** Which of the tiles that the correlation has. */
  readonly tile: number;
};

/** Multiply-adds of a plane that a lane makes by itself: compile time. */
const BODY = 1300;
const WORKGROUP = 16;

/** The correlation of one pass; see shaders/depthwise/strided-maps.wgsl. */
function stridedPlanes(s: ConvShape, pass: ConvPass): Planes {
  const g = geometryOf(s);
  const planes = planesOf(s, pass, g);
  if (pass === 'grad-weight') return planes;
  const c = pass === 'forward' ? s.co : s.ci * g.phases;
  return { ...planes, mode: pass === 'forward' ? 'forward' : 'input', sizes: { ...planes.sizes, c } };
}

function tilesOf(s: ConvShape, pass: ConvPass, { simdWidth }: DeviceProfile) {
  return vectorTiles(stridedPlanes(s, pass), simdWidth);
}

export function stridedVariants(pass: ConvPass, s: ConvShape, profile: DeviceProfile): readonly Strided[] {
  if (profile.machine !== 'processor' || !profile.features.has('subgroups') || !hasPhases(s)) return [];
  const byColumns = tilesOf(s, pass, profile).map((_, tile): Strided => ({
    kind: 'processor',
    lanes: 'columns',
    tile,
  }));
  const p = stridedPlanes(s, pass);
  const pairs = meetings(p.outH, p.tapH, p.padY, p.sizes.h) * meetings(p.outW, p.tapW, p.padX, p.sizes.w);
  return pairs > BODY ? byColumns : [{ kind: 'processor', lanes: 'channels', tile: 0 }, ...byColumns];
}

/** Pairs of an output and a tap, along one axis, that meet data. */
function meetings(out: number, taps: number, pad: number, size: number): number {
  let count = 0;
  for (let o = 0; o < out; o++) count += Math.max(0, Math.min(taps, size + pad - o) - Math.max(0, pad - o));
  return count;
}

function correlation(
  s: ConvShape,
  pass: ConvPass,
  variant: Strided,
  profile: DeviceProfile,
  bindings: Dispatch['bindings'],
): Dispatch {
  const { y, x } = geometryOf(s);
  const p = stridedPlanes(s, pass);
  const isWhole = variant.lanes === 'channels';
  const plane: PlainTile = { kind: 'plain', lanes: WORKGROUP, batches: 1 };
  const tile = isWhole ? plane : defined(tilesOf(s, pass, profile)[variant.tile], 'tile');
  const { params, groups, batches } = layout(p, tile);
  // In grad-input all planes are those of dy; phases of x may lack a row or a column.
  const [rows, columns] =
    pass === 'grad-input' ? [s.ho, s.wo] : [Math.floor(s.h / s.sh), Math.floor(s.w / s.sw)];
  return {
    shader: isWhole ? 'depthwise/strided-planes.wgsl' : 'depthwise/strided.wgsl',
    params: {
      ...params,
      ...(isWhole ? { SEGMENT_GROUPS: 1, FULL_H: rows } : { DBIAS: false }),
      FULL_W: columns,
      KERNEL_H: s.kh,
      KERNEL_W: s.kw,
      STRIDE_Y: s.sh,
      STRIDE_X: s.sw,
      PADDING_Y: s.ph,
      PADDING_X: s.pw,
      MULTIPLIER: s.co / s.ci,
      MAP_H: s.h,
      MAP_W: s.w,
      FIRST_Y: y.first,
      FIRST_X: x.first,
    },
    bindings,
    grid: flatGrid(isWhole ? Math.ceil((p.sizes.c * batches) / WORKGROUP) : groups),
  };
}

export function stridedForward(
  s: ConvShape,
  variant: Strided,
  { inputs: { x, weight, bias }, outputs: { y }, profile }: ContextOf<typeof conv2d>,
): readonly Dispatch[] {
  return [correlation(s, 'forward', variant, profile, { x, taps: weight, bias, out: y })];
}

export function stridedGradInput(
  s: ConvShape,
  variant: Strided,
  { inputs: { dy, weight }, outputs: { dx }, profile }: ContextOf<typeof conv2dGradInput>,
): readonly Dispatch[] {
  return [correlation(s, 'grad-input', variant, profile, { x: dy, taps: weight, out: dx })];
}

export function stridedGradWeight(
  s: ConvShape,
  variant: Strided,
  { inputs: { x, dy }, outputs: { dweight, dbias }, profile }: ContextOf<typeof conv2dGradWeight>,
): readonly Dispatch[] {
  return [
    correlation(s, 'grad-weight', variant, profile, { x, taps: dy, out: dweight }),
    ...(dbias ? sumRows({ ...dy, shape: [s.n, s.co, s.ho * s.wo] }, dbias, profile) : []),
  ];
}
