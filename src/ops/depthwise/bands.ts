import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid } from '../dispatches.ts';
import type { Dispatch } from '../kernels.ts';
import { GAP, SIDE, UNIT_LANES, unitOf } from '../matrix-units.ts';
import { meetings } from './op.ts';
import { type Planes, correlationParams, itemWidth } from './planes.ts';

/** How `shaders/depthwise/bands.wgsl` cuts the work; see its parameters. */
export type BandsTile = {
  readonly kind: 'bands';
  readonly images: number;
  readonly subgroups: number;
  /** Rows of taps between two barriers. */
  readonly bands: number;
  /** Asks for subgroups of 32 lanes. */
  readonly sized?: true;
};

/**
 * Where the matrices of a row lie, all counts in matrices of 16 columns unless said otherwise. What a matrix of y meets begins `before`
 * columns in front of it. Matrices are loaded from multiples of 8 columns, so that there may be two ways; the one with fewer products
 * is taken.
 */
function columnsOf(p: Planes) {
  const from = (step: number) => columnsFrom(p, step * Math.ceil(p.padX / step));
  const [near, far] = [from(8), from(SIDE)];
  return far.products < near.products || (far.products === near.products && far.x < near.x) ? far : near;
}

function columnsFrom({ padX, tapW, sizes: { w } }: Planes, before: number) {
  const margin = before % SIDE;
  const y = Math.ceil(w / SIDE);
  const x = Math.ceil((w + margin) / SIDE);
  const wide = Math.ceil((before + SIDE + tapW - 1 - padX) / SIDE);
  // Matrices at the ends of a band that meet nothing but padding for any matrix of y are left out.
  const left = Math.floor(before / SIDE);
  const skipped = Math.max(0, left - (y - 1));
  const band = Math.min(wide, left + x) - skipped;
  const first = left - skipped;
  let products = 0;
  for (let q = 0; q < x; q++)
    for (let o = 0; o < y; o++) if (q - o + first >= 0 && q - o + first < band) products++;
  return { margin, x, y, band, first, products, tapFirst: SIDE * (skipped - 1) + 1 - before + padX };
}

const rowsOf = ({ images }: BandsTile) => SIDE / images;
const tilesOf = (p: Planes, tile: BandsTile) => Math.ceil(p.sizes.h / rowsOf(tile));
const heldOf = (p: Planes, tile: BandsTile) => Math.ceil(tilesOf(p, tile) / tile.subgroups);
const phasesOf = (p: Planes, { bands }: BandsTile) => Math.ceil(p.tapH / bands);

/** Bytes of workgroup memory. */
function bytesOf(p: Planes, tile: BandsTile): number {
  const { x, band } = columnsOf(p);
  const maps = (p.sizes.h + 2 * (rowsOf(tile) - 1)) * tile.images * (SIDE * x + GAP);
  const built = 2 * tile.bands * SIDE * (SIDE * band + GAP);
  const taps = (phasesOf(p, tile) + 1) * tile.bands * (SIDE * band + SIDE);
  return 2 * (maps + built + taps) + 4 * tile.subgroups * SIDE * (SIDE + GAP);
}

/** The dispatch of a tile's shader. */
export function bandsDispatch(p: Planes, tile: BandsTile, bindings: Dispatch['bindings']): Dispatch {
  const { n, c, w } = p.sizes;
  const columns = columnsOf(p);
  return {
    shader: 'depthwise/bands.wgsl',
    params: {
      SIZED: tile.sized ?? false,
      ...correlationParams(p),
      WIDTH: itemWidth(w),
      IMAGES: tile.images,
      SUBGROUPS: tile.subgroups,
      HELD: heldOf(p, tile),
      BANDS: tile.bands,
      PHASES: phasesOf(p, tile),
      MARGIN: columns.margin,
      BLOCKS_X: columns.x,
      BLOCKS_Y: columns.y,
      BLOCKS_B: columns.band,
      FIRST: columns.first,
      TAP_FIRST: columns.tapFirst,
    },
    bindings,
    grid: flatGrid(c * Math.ceil(n / tile.images)),
  };
}

/** Matrices of sums that a subgroup holds, 8 registers a lane each: at most, and without running short of registers. */
const MOST_SUMS = 8;
const EASY_SUMS = 4;
const CROWDED = 1.25;
/** Cuts that the tuner tries. */
const CUTS = 4;

/** Pairs of `rows` neighbouring rows of a map and a row of taps that meet anything but padding. */
function tileMeetings({ padY, sizes: { h } }: Planes, rows: number): number {
  let count = 0;
  for (let top = 0; top < h; top += rows)
    count += Math.min(2 * padY + 1, h - top + padY) - Math.max(0, padY - top - rows + 1);
  return count;
}

/** Tiles for matrix units: those that come before all others, and those that only the tuner tries. */
export interface Ranked<T> {
  readonly first: readonly T[];
  readonly later: readonly T[];
}

/**
 * Useful share of what is multiplied: from a half on matrix units take at most two thirds of the cycles of the row kernel by AMD's
 * compiler, with less than a quarter of useful columns they do not pay on any card.
 */
const PAYING_SHARE = 0.5;
const LEAST_SHARE = 0.25;

/** Ranks tiles by the share of multiply-adds that touch data. @param products matrices for each pair of a group of rows and a row of taps */
export function ranked<T extends { readonly images: number }>(
  p: Planes,
  tiles: readonly T[],
  products: number,
): Ranked<T> {
  const { n, h, w, kh, kw } = p.sizes;
  const columns = meetings(w, kw) / (products * SIDE ** 2);
  if (columns < LEAST_SHARE) return { first: [], later: [] };
  const pays = ({ images }: T) =>
    (columns * n * meetings(h, kh)) / (Math.ceil(n / images) * SIDE * tileMeetings(p, SIDE / images)) >=
    PAYING_SHARE;
  return { first: tiles.filter(pays), later: tiles.filter((tile) => !pays(tile)) };
}

/**
 * What a cut costs, in matrices of 16×16 that are loaded or multiplied for an image. A lane's share of a band, a barrier and each
 * item of a map that is copied count as matrices that take as long.
 */
function costOf(p: Planes, tile: BandsTile): number {
  const { h, w, n } = p.sizes;
  const rows = rowsOf(tile);
  const { x, y, band, products } = columnsOf(p);
  const held = heldOf(p, tile);
  const idle = (tile.subgroups * held) / tilesOf(p, tile);
  const shares = Math.ceil((2 * tile.bands * band) / tile.subgroups);
  const phase = tile.subgroups * (band * tile.bands + 2 * shares + 1);
  const copied = ((h + 2 * rows - 2) * tile.images * SIDE * x) / itemWidth(w) / UNIT_LANES;
  const used = n / (Math.ceil(n / tile.images) * tile.images);
  const work = tileMeetings(p, rows) * idle * (products + x) + phasesOf(p, tile) * phase + 2 * copied;
  return (work * (held * y > EASY_SUMS ? CROWDED : 1)) / (tile.images * used);
}

/** The ways to cut a correlation of maps on matrix units, best guess first; none where the device has no fitting unit. */
export function bandsTiles(p: Planes, profile: DeviceProfile): Ranked<BandsTile> {
  const { limits, subgroups: sizes } = profile;
  if (unitOf(profile)?.n !== SIDE) return { first: [], later: [] };
  const sized = sizes.min === sizes.max ? {} : { sized: true as const };
  const { y, products } = columnsOf(p);
  const tiles = [16, 8, 4, 2, 1]
    .flatMap((images) =>
      [2, 4, 7, 8].flatMap((subgroups) =>
        [1, 2].map((bands): BandsTile => ({ kind: 'bands', images, subgroups, bands, ...sized })),
      ),
    )
    .filter(
      (tile) =>
        heldOf(p, tile) * y <= MOST_SUMS &&
        // One subgroup less would do the same.
        heldOf(p, tile) < heldOf(p, { ...tile, subgroups: tile.subgroups - 1 }) &&
        UNIT_LANES * tile.subgroups <= limits.maxComputeInvocationsPerWorkgroup &&
        bytesOf(p, tile) <= limits.maxComputeWorkgroupStorageSize,
    )
    .sort((a, b) => costOf(p, a) - costOf(p, b));
  return ranked(p, tiles.slice(0, CUTS), products);
}
