import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid } from '../dispatches.ts';
import type { Dispatch } from '../kernels.ts';
import { type Planes, even } from './planes.ts';

/** How `shaders/depthwise/strip.wgsl` cuts the work; see its parameters. */
export type StripTile = {
  readonly kind: 'strip';
  readonly columns: number;
  readonly rows: number;
};

const LANES = 64;
/** Taps that a lane holds in registers, beside its outputs. */
const MOST_TAPS = 49;
const MOST_OUTPUTS = 56;
/** Multiply-adds of a lane: compile time. */
const BODY = 4000;
/** A map this narrow is held whole: its padding costs nothing then. */
const WHOLE = 14;

/** Columns that are read at once. */
const widthOf = (columns: number, w: number) =>
  [4, 2, 1].find((each) => w % each === 0 && columns % each === 0) ?? 1;

/** Cuts of few taps into registers, best guess first. */
export function stripTiles(p: Planes, { machine, busyLanes }: DeviceProfile): readonly StripTile[] {
  const taps = p.tapH * p.tapW;
  if (machine !== 'gpu' || p.mode === 'weight' || taps > MOST_TAPS) return [];
  const columns = p.outW <= WHOLE ? p.outW : 4;
  const rows = even(p.outH, Math.min(8, MOST_OUTPUTS / columns, BODY / (taps * columns)));
  const tile: StripTile = { kind: 'strip', columns, rows };
  const lanes = lanesOf(p, tile);
  const half: StripTile = { ...tile, rows: Math.ceil(rows / 2) };
  if (rows === 1) return [tile];
  return lanes < busyLanes ? [half, tile] : [tile, half];
}

function lanesOf({ sizes: { n, c }, outH, outW }: Planes, { columns, rows }: StripTile): number {
  return n * c * Math.ceil(outH / rows) * Math.ceil(outW / columns);
}

/** The dispatch of a strip. */
export function stripDispatch(p: Planes, tile: StripTile, bindings: Dispatch['bindings']): Dispatch {
  const { columns, rows } = tile;
  const { n, c, h, w, kh, kw } = p.sizes;
  const width = widthOf(columns, w);
  const segments = Math.ceil(w / columns);
  return {
    shader: 'depthwise/strip.wgsl',
    params: {
      MODE: p.mode,
      N: n,
      CHANNELS: c,
      IN_H: h,
      IN_W: w,
      KERNEL_H: kh,
      KERNEL_W: kw,
      TAP_H: p.tapH,
      TAP_W: p.tapW,
      PAD_Y: p.padY,
      PAD_X: p.padX,
      WIDTH: width,
      COLUMNS: columns,
      ROWS: rows,
      SEGMENTS: segments,
      STRIPS: Math.ceil(h / rows),
      I0: segments === 1 ? 0 : -Math.ceil(p.padX / width),
      I1: segments === 1 ? w / width : Math.ceil((columns + p.tapW - 1 - p.padX) / width),
      LANES,
    },
    bindings,
    grid: flatGrid(Math.ceil(lanesOf(p, tile) / LANES)),
  };
}
