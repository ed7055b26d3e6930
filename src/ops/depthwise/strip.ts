import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid } from '../dispatches.ts';
import type { Dispatch } from '../kernels.ts';
import { type Planes, correlationParams, even, mapParams } from './planes.ts';

/** How `shaders/depthwise/strip.wgsl` cuts the work; see its parameters. */
export type StripTile = {
  readonly kind: 'strip';
  readonly columns: number;
  readonly rows: number;
};

/** How `shaders/depthwise/strip-weight.wgsl` cuts the work; see its parameters. */
export type StripWeightTile = {
  readonly kind: 'strip-weight';
  readonly columns: number;
  readonly rows: number;
  readonly slots: number;
  /** Workgroups that share the images of a channel. */
  readonly batches: number;
};

const LANES = 64;
/** Taps that a lane holds in registers, beside its outputs. */
const MOST_TAPS = 49;
const MOST_OUTPUTS = 56;
/** Multiply-adds of a lane: compile time. */
const BODY = 4000;
/**
 * A map this narrow is held whole: its padding costs nothing then. Rows of still narrower ones are too short for loads of many lanes
 * to fall into few lines of the cache: at 7×7, k = 7, an H200 takes 0.041 ms this way and 0.031 with workgroup memory.
 */
const WHOLE = 14;
const NARROW = 8;
/** Strips that a lane of a weight gradient takes at least, for what its sums cost at the end. */
const LEAST_STRIPS = 2;
/** Lanes of a launch, as a multiple of those that keep a GPU busy. */
const WAVES = 1.5;

/** Columns that are read at once. */
const widthOf = (columns: number, w: number) =>
  [4, 2, 1].find((each) => w % each === 0 && columns % each === 0) ?? 1;

const columnsOf = ({ sizes: { w } }: Planes) => (w <= WHOLE ? w : 4);

/** Cuts of few taps into registers, best guess first. */
export function stripTiles(p: Planes, { machine, busyLanes }: DeviceProfile): readonly StripTile[] {
  const taps = p.tapH * p.tapW;
  if (machine !== 'gpu' || taps > MOST_TAPS || p.sizes.w < NARROW) return [];
  const columns = columnsOf(p);
  const rows = even(p.outH, Math.min(8, MOST_OUTPUTS / columns, BODY / (taps * columns)));
  const tile: StripTile = { kind: 'strip', columns, rows };
  const lanes = lanesOf(p, tile);
  const half: StripTile = { ...tile, rows: Math.ceil(rows / 2) };
  if (rows === 1) return [tile];
  return lanes < busyLanes ? [half, tile] : [tile, half];
}

/** The same for a weight gradient. */
export function stripWeightTiles(
  p: Planes,
  { machine, busyLanes }: DeviceProfile,
): readonly StripWeightTile[] {
  const { n, c, h, w } = p.sizes;
  const taps = p.outH * p.outW;
  if (machine !== 'gpu' || taps > MOST_TAPS || w < NARROW) return [];
  const columns = columnsOf(p);
  const segments = Math.ceil(w / columns);
  const most = Math.min(4, Math.floor(28 / columns), Math.floor(BODY / (taps * columns)));
  const rows = even(h, Math.max(1, most));
  const strips = Math.ceil(h / rows);
  return [64, 32].map((lanes) => {
    const slots = Math.max(1, Math.min(Math.floor(lanes / segments), n * strips));
    const wanted = (WAVES * busyLanes) / (c * segments * slots);
    const batches = Math.min(n, wanted, (n * strips) / (LEAST_STRIPS * slots));
    return { kind: 'strip-weight', columns, rows, slots, batches: Math.max(1, Math.floor(batches)) };
  });
}

function lanesOf({ sizes: { n, c }, outH, outW }: Planes, { columns, rows }: StripTile): number {
  return n * c * Math.ceil(outH / rows) * Math.ceil(outW / columns);
}

/** The dispatch of a weight gradient's strips. */
export function stripWeightDispatch(
  p: Planes,
  { columns, rows, slots, batches }: StripWeightTile,
  bindings: Dispatch['bindings'],
  DBIAS: boolean,
): Dispatch {
  const { n, c, h, w } = p.sizes;
  const width = widthOf(columns, w);
  const segments = Math.ceil(w / columns);
  const images = Math.ceil(n / batches);
  return {
    shader: 'depthwise/strip-weight.wgsl',
    params: {
      ...mapParams(p),
      TAP_H: p.outH,
      TAP_W: p.outW,
      DBIAS,
      WIDTH: width,
      COLUMNS: columns,
      ROWS: rows,
      SEGMENTS: segments,
      SLOTS: slots,
      STRIPS: Math.ceil(h / rows),
      ...itemsOf(segments, columns, width, p.outW, w),
      BATCHES: batches,
      BATCH_IMAGES: images,
    },
    bindings,
    grid: flatGrid(c * batches),
  };
}

/** Items of x that the columns of a lane meet. */
function itemsOf(segments: number, columns: number, width: number, taps: number, w: number) {
  if (segments === 1) return { I0: 0, I1: w / width };
  const pad = taps >> 1;
  return { I0: -Math.ceil(pad / width), I1: Math.ceil((columns + pad) / width) };
}

/** The dispatch of a strip. */
export function stripDispatch(p: Planes, tile: StripTile, bindings: Dispatch['bindings']): Dispatch {
  const { columns, rows } = tile;
  const { h, w } = p.sizes;
  const width = widthOf(columns, w);
  const segments = Math.ceil(w / columns);
  return {
    shader: 'depthwise/strip.wgsl',
    params: {
      ...correlationParams(p),
      PAD_X: p.padX,
      WIDTH: width,
      COLUMNS: columns,
      ROWS: rows,
      SEGMENTS: segments,
      STRIPS: Math.ceil(h / rows),
      ...itemsOf(segments, columns, width, p.tapW, w),
      LANES,
    },
    bindings,
    grid: flatGrid(Math.ceil(lanesOf(p, tile) / LANES)),
  };
}
