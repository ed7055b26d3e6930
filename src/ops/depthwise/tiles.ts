import type { DeviceProfile } from '../../device/profile.ts';
import type { ParamValue } from '../../shader/parameters.ts';
import { type Planes, even, mapParams, split } from './planes.ts';
import { type RowsTile, rowsLayout, rowsTiles } from './rows.ts';

/** How `shaders/depthwise/correlate.wgsl` tiles the work; see its parameters. */
export type CorrelateTile = {
  readonly kind: 'correlate';
  readonly columns: number;
  readonly rows: number;
  readonly lanesY: number;
  readonly segments: number;
  readonly images: number;
  readonly blocks: number;
  readonly chunk: number;
  readonly phases: number;
  /** Workgroups that share the images of a weight gradient; more than one needs a second stage. */
  readonly batches: number;
};

/** How `shaders/depthwise/vector.wgsl` tiles the work; see its parameters. */
export type VectorTile = {
  readonly kind: 'vector';
  readonly lanes: number;
  readonly rows: number;
  readonly vectors: number;
  readonly batches: number;
};

/** One output per invocation; see `shaders/depthwise/plain.wgsl`. */
export type PlainTile = {
  readonly kind: 'plain';
  readonly lanes: number;
  readonly batches: number;
};

/** The tiles of shaders that share `shaders/depthwise/common.wgsl`. */
export type Tile = RowsTile | CorrelateTile | VectorTile | PlainTile;

/** A tile's grid and the shader parameters that follow from it. */
export interface TileLayout {
  readonly groups: number;
  readonly batches: number;
  /** Invocations per workgroup. */
  readonly lanes: number;
  /** Bytes of workgroup memory. */
  readonly bytes: number;
  readonly params: Readonly<Record<string, ParamValue>>;
}

export function layout(p: Planes, tile: Tile): TileLayout {
  const own = ownLayout(p, tile);
  const { blockGroups, segmentGroups, batches, batchImages, lanes, bytes } = own;
  return {
    groups: blockGroups * segmentGroups * batches * p.sizes.c,
    batches,
    lanes,
    bytes,
    params: {
      MODE: p.mode,
      ...mapParams(p),
      OUT_H: p.outH,
      OUT_W: p.outW,
      TAP_H: p.tapH,
      TAP_W: p.tapW,
      PAD_Y: p.padY,
      PAD_X: p.padX,
      KERNEL_H: p.sizes.kh,
      KERNEL_W: p.sizes.kw,
      LANES: lanes,
      BLOCK_GROUPS: blockGroups,
      SEGMENT_GROUPS: segmentGroups,
      BATCHES: batches,
      BATCH_IMAGES: batchImages,
      ...own.params,
    },
  };
}

function ownLayout(p: Planes, tile: Tile) {
  switch (tile.kind) {
    case 'rows':
      return rowsLayout(p, tile);
    case 'correlate':
      return correlateLayout(p, tile);
    case 'vector':
      return vectorLayout(p, tile);
    case 'plain':
      return plainLayout(p, tile);
  }
}

function correlateLayout(p: Planes, t: CorrelateTile) {
  const lanes = t.lanesY * t.segments * t.images;
  const phaseH = Math.ceil((p.tapH + t.rows - 1) / t.phases);
  const groupH = t.lanesY * t.rows * t.blocks;
  const tileH = Math.min(p.sizes.h, groupH - t.rows + phaseH);
  const tileW = t.segments * t.columns + p.tapW - 1;
  const stride = tileW | 1;
  const sums = p.mode === 'weight' ? lanes + (t.images > 1 ? lanes * t.rows * t.columns : 0) : 0;
  const { batches, serial } = split(p, t.images, t.batches);
  return {
    lanes,
    bytes: 4 * ((t.images * tileH + 1) * stride + sums),
    blockGroups: Math.ceil(p.outH / groupH),
    segmentGroups: Math.ceil(p.outW / (t.segments * t.columns)),
    batches,
    batchImages: serial * t.images,
    params: {
      COLUMNS: t.columns,
      ROWS: t.rows,
      LANES_Y: t.lanesY,
      SEGMENTS: t.segments,
      IMAGES: t.images,
      SERIAL: serial,
      BLOCKS: t.blocks,
      CHUNK: t.chunk,
      PHASES: t.phases,
      PHASE_H: phaseH,
      TILE_H: tileH,
      TILE_W: tileW,
      STRIDE: stride,
    },
  };
}

function vectorLayout(p: Planes, t: VectorTile) {
  const segmentGroups = Math.ceil(p.outW / (t.vectors * t.lanes));
  const { batches, serial } = split(p, 1, t.batches);
  const before = Math.ceil(p.padX / t.lanes);
  const after = Math.ceil((p.tapW - 1 - p.padX) / t.lanes);
  return {
    lanes: t.lanes,
    bytes: 0,
    blockGroups: Math.ceil(p.outH / t.rows),
    segmentGroups,
    batches,
    batchImages: serial,
    params: {
      ROWS: t.rows,
      VECTORS: t.vectors,
      // If one workgroup has all columns, the vectors of x are those of the map; otherwise they surround the segment.
      V0: segmentGroups === 1 ? 0 : -before,
      V1: segmentGroups === 1 ? Math.ceil(p.sizes.w / t.lanes) : t.vectors + after,
      FULL_W: p.sizes.w,
    },
  };
}

function plainLayout(p: Planes, t: PlainTile) {
  const { batches, serial } = split(p, 1, t.batches);
  const segmentGroups = Math.ceil((p.outH * p.outW) / t.lanes);
  return {
    lanes: t.lanes,
    bytes: 0,
    blockGroups: 1,
    segmentGroups,
    batches,
    batchImages: serial,
    params: {},
  };
}

/** Tiles that fit the device, best guess first. */
export function tilesFor(p: Planes, profile: DeviceProfile): readonly Tile[] {
  const plain: PlainTile = { kind: 'plain', lanes: 64, batches: 1 };
  if (p.tapW > LONGEST) return [plain];
  const width = profile.features.has('subgroups') ? profile.simdWidth : 0;
  const rowLanes = [...rowsTiles(p, profile), ...correlateTiles(p, profile)];
  const vectors = profile.features.has('subgroups') ? vectorTiles(p, width) : [];
  // With maps a quarter of a vector wide, most lanes would be idle; the row kernels put images side by side instead.
  const isNarrow = p.mode !== 'weight' && 4 * p.outW <= width;
  const tiles = width > 0 && !isNarrow ? [...vectors, ...rowLanes] : [...rowLanes, ...vectors];
  return tiles.length === 0 || p.sizes.kh * p.sizes.kw <= 9 ? [...tiles, plain] : tiles;
}

/** Bounds on compile time and registers: multiply-adds in a tap loop's body, and accumulators of a lane. */
const BODY = 1200;
const ACCUMULATORS = 28;
/** Longest row of taps that is unrolled; a weight gradient's taps are a row of the map. */
const LONGEST = 256;

export function vectorTiles(p: Planes, width: number): VectorTile[] {
  const lanes = width === 4 ? 4 : 8;
  // A longer loop body reuses a row of x more often, until LLVM's spills cost more than that saves.
  const body = lanes === 4 ? 1500 : 900;
  const all = Math.ceil(p.outW / lanes);
  const tiles: VectorTile[] = [];
  for (const most of [ACCUMULATORS, 2 * lanes]) {
    const vectors = even(all, Math.min(most, body / p.tapW));
    const rows = even(p.outH, Math.min(7, most / vectors, body / (vectors * p.tapW)));
    tiles.push({ kind: 'vector', lanes, rows, vectors, batches: 1 });
  }
  return distinct(tiles);
}

function correlateTiles(p: Planes, { limits, busyLanes }: DeviceProfile): CorrelateTile[] {
  const fits = (tile: CorrelateTile) => {
    const { bytes, lanes } = layout(p, tile);
    return (
      bytes <= limits.maxComputeWorkgroupStorageSize && lanes <= limits.maxComputeInvocationsPerWorkgroup
    );
  };
  const finish = (tile: CorrelateTile): CorrelateTile => {
    if (p.mode !== 'weight') return tile;
    const once = layout(p, tile);
    const most = Math.min(64, Math.ceil(p.sizes.n / tile.images));
    return { ...tile, batches: Math.min(most, Math.ceil(busyLanes / (once.groups * once.lanes))) };
  };
  const tiles: CorrelateTile[] = [];
  for (const most of [14, 8]) {
    const columns = even(p.outW, Math.min(most, BODY / p.tapW));
    const base = { kind: 'correlate', columns, rows: 1, segments: 1, blocks: 1, chunk: 16 } as const;
    const tile = fill(p, { ...base, lanesY: even(p.outH, 64), images: 1, phases: 1, batches: 1 }, fits);
    if (tile === undefined) continue;
    tiles.push(finish(tile));
    // Where lanes along rows alone make too few waves for the size of their tile, lanes along columns share it.
    const segments = Math.min(Math.ceil(p.outW / columns), Math.floor(128 / tile.lanesY));
    const shared = { ...tile, segments, images: 1, phases: 1 };
    if (p.mode === 'weight' && segments > 1 && fits(shared)) tiles.push(finish(shared));
  }
  return distinct(tiles);
}

/** Gives a workgroup about 64 lanes, several images if there are few rows, with as few phases and as many rows as fit. */
function fill(
  p: Planes,
  start: CorrelateTile,
  fits: (tile: CorrelateTile) => boolean,
): CorrelateTile | undefined {
  for (let lanesY = start.lanesY; lanesY >= 1; lanesY = lanesY === 1 ? 0 : Math.ceil(lanesY / 2)) {
    for (let images = Math.min(p.sizes.n, Math.floor(64 / lanesY)); images >= 1; images = images >> 1) {
      for (let phases = 1; phases <= p.tapH; phases *= 2) {
        const tile = { ...start, lanesY, images, phases };
        if (fits(tile)) return tile;
        if (p.tapH / phases < 8) break;
      }
    }
  }
  return undefined;
}

function distinct<T extends Tile>(tiles: readonly T[]): T[] {
  return [...new Map(tiles.map((tile) => [JSON.stringify(tile), tile])).values()];
}
