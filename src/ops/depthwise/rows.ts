import type { DeviceProfile } from '../../device/profile.ts';
import { type Planes, even, split } from './planes.ts';

/** How `shaders/depthwise/rows.wgsl` tiles the work; see its parameters. */
export type RowsTile = {
  readonly kind: 'rows';
  readonly sides: number;
  readonly lanesY: number;
  readonly images: number;
  readonly parts: number;
  /** Workgroups that share the images of a weight gradient; more than one needs a second stage. */
  readonly batches: number;
};

/** vec4 from one row of `columns` floats to the next: an odd number, so that rows begin in different banks. */
const strideOf = (columns: number) => Math.ceil(columns / 4) | 1;

export function rowsLayout(p: Planes, t: RowsTile) {
  const isWeight = p.mode === 'weight';
  const lanes = t.lanesY * t.images * t.parts;
  const columns = Math.ceil(p.outW / t.sides);
  const tileH = Math.min(p.sizes.h, t.lanesY + p.tapH - 1);
  const xColumns = Math.min(p.sizes.w, columns + p.tapW - 1 - p.padX);
  const [tapStride, xStride] = [strideOf(p.tapW), strideOf(xColumns)];
  const tapRows = (isWeight ? t.images : 1) * p.tapH;
  const results = (isWeight ? t.lanesY : lanes) * Math.ceil(columns / 4);
  const xRows = Math.max(t.images * tileH, Math.ceil(results / xStride));
  const { batches, serial } = split(p, t.images, t.batches);
  return {
    lanes,
    bytes: 16 * (tapRows * tapStride + xRows * xStride) + (isWeight ? 4 * lanes : 0),
    blockGroups: Math.ceil(p.outH / t.lanesY),
    segmentGroups: t.sides,
    batches,
    batchImages: serial * t.images,
    params: {
      COLUMNS: columns,
      SIDES: t.sides,
      LANES_Y: t.lanesY,
      IMAGES: t.images,
      PARTS: t.parts,
      SERIAL: serial,
      TILE_H: tileH,
      U_ROWS: tapRows,
      U_STRIDE: tapStride,
      V_COLUMNS: xColumns,
      V_ROWS: xRows,
      V_STRIDE: xStride,
    },
  };
}

/** Bounds on a lane: multiply-adds of a row of taps (compile time) and accumulators (registers). */
const BODY = 1600;
const ACCUMULATORS = 32;
/** With fewer taps the other kernels, which copy less, are as fast: for weight gradients, and for lanes that hold whole rows or half rows. */
const LEAST_TAPS = { weight: 25, whole: 49, halves: 81 };
/**
 * Bounds on workgroup memory, so that several workgroups share a multiprocessor, and on lanes; the first that suffices is taken. On an
 * H200 weight gradients run best with about four subgroups, unless a plane is so large that more lanes should share it.
 */
const ROOMS = {
  weight: [
    { bytes: 16384, lanes: 128 },
    { bytes: 32768, lanes: 256 },
  ],
  maps: [{ bytes: 32768, lanes: 256 }],
};
const FEW_LANES = 96;
/** Where lanes share rows of taps, each has at least so many multiply-adds per image. */
const LEAST_WORK = 1300;
/** A weight gradient is split into so many waves of workgroups: with fewer the last wave is emptier, with more there are more partial sums. */
const WAVES = 1.5;

/** Tiles that fit the device, best guess first. */
export function rowsTiles(p: Planes, { machine, limits, busyLanes }: DeviceProfile): readonly RowsTile[] {
  const sides = Math.ceil(p.outW / ACCUMULATORS);
  const leastTaps = LEAST_TAPS[p.mode === 'weight' ? 'weight' : sides === 1 ? 'whole' : 'halves'];
  if (machine !== 'gpu' || p.sizes.kh * p.sizes.kw < leastTaps || sides > 2) return [];
  // The second half is the first one of everything mirrored, padding included.
  if (sides > 1 && 2 * p.padX !== p.outW + p.tapW - p.sizes.w - 1) return [];
  if (pairs(p, Math.ceil(p.outW / sides)) > BODY) return [];
  const tile = ROOMS[p.mode === 'weight' ? 'weight' : 'maps']
    .map((room) => ({
      bytes: Math.min(room.bytes, limits.maxComputeWorkgroupStorageSize),
      lanes: Math.min(room.lanes, limits.maxComputeInvocationsPerWorkgroup),
    }))
    .map((room) => fullest(p, sides, room))
    .find((found) => found !== undefined);
  if (tile === undefined) return [];
  if (p.mode !== 'weight') return [tile];
  const most = Math.ceil(p.sizes.n / tile.images);
  const once = p.sizes.c * sides * Math.ceil(p.outH / tile.lanesY) * tile.lanesY * tile.images * tile.parts;
  return [{ ...tile, batches: Math.min(most, Math.ceil((WAVES * busyLanes) / once)) }];
}

interface Room {
  readonly bytes: number;
  readonly lanes: number;
}

/** The tile whose lanes fill subgroups best. */
function fullest(p: Planes, sides: number, { bytes, lanes }: Room): RowsTile | undefined {
  const isWeight = p.mode === 'weight';
  const lanesY = even(p.outH, 64);
  const work = p.tapH * pairs(p, Math.ceil(p.outW / sides));
  let best: { tile: RowsTile; score: number } | undefined;
  for (let slots = 1; slots * lanesY <= lanes; slots++) {
    const parts = isWeight ? divisor(slots, Math.min(p.tapH, work / LEAST_WORK)) : 1;
    const tile: RowsTile = { kind: 'rows', sides, lanesY, images: slots / parts, parts, batches: 1 };
    if (tile.images > p.sizes.n || rowsLayout(p, tile).bytes > bytes) continue;
    const used = slots * lanesY;
    const score = (used / (32 * Math.ceil(used / 32))) * Math.min(1, used / FEW_LANES);
    if (best === undefined || score > best.score) best = { tile, score };
  }
  return best?.tile;
}

/** The largest divisor of `total` that is at most `most`. */
function divisor(total: number, most: number): number {
  for (let d = Math.floor(most); d > 1; d--) if (total % d === 0) return d;
  return 1;
}

/** Pairs of a tap column and an output column of one side that touch data. */
function pairs(p: Planes, columns: number): number {
  let count = 0;
  for (let j = 0; j < columns; j++) {
    const first = Math.max(0, p.padX - j);
    const end = Math.min(p.tapW, p.sizes.w + p.padX - j);
    count += Math.max(0, end - first);
  }
  return count;
}
