import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid } from '../dispatches.ts';
import type { Dispatch } from '../kernels.ts';
import { GAP, SIDE, UNIT_LANES, unitOf } from '../matrix-units.ts';
import { type Ranked, ranked } from './bands.ts';
import { type Planes, itemWidth, mapParams, split } from './planes.ts';

/** How `shaders/depthwise/bands-weight.wgsl` cuts the work; see its parameters. */
export type BandsWeightTile = {
  readonly kind: 'bands-weight';
  readonly images: number;
  readonly subgroups: number;
  /** Workgroups that share the images of a channel. */
  readonly batches: number;
  /** Asks for subgroups of 32 lanes. */
  readonly sized?: true;
};

const blocksOf = ({ sizes: { w } }: Planes) => Math.ceil(w / SIDE);
const reachOf = (p: Planes) => Math.min(Math.floor((p.padX + SIDE - 1) / SIDE), blocksOf(p) - 1);
const heldOf = (p: Planes, { subgroups }: BandsWeightTile) => Math.ceil(p.outH / subgroups);

/** Bytes of workgroup memory. */
function bytesOf(p: Planes, { images, subgroups }: BandsWeightTile): number {
  const rows = SIDE / images;
  const dy = SIDE * Math.ceil(p.sizes.h / rows) + GAP;
  const x = images * (p.sizes.h + 2 * (rows - 1)) + GAP;
  const sums = subgroups * SIDE * (SIDE + GAP) + UNIT_LANES * subgroups;
  return 2 * SIDE * blocksOf(p) * (dy + x) + 4 * sums;
}

/** The dispatch of a tile's shader. */
export function bandsWeightDispatch(
  p: Planes,
  tile: BandsWeightTile,
  bindings: Dispatch['bindings'],
  DBIAS: boolean,
): Dispatch {
  const { c, w } = p.sizes;
  const { batches, serial } = split(p, tile.images, tile.batches);
  return {
    shader: 'depthwise/bands-weight.wgsl',
    params: {
      SIZED: tile.sized ?? false,
      ...mapParams(p),
      OUT_H: p.outH,
      OUT_W: p.outW,
      PAD_Y: p.padY,
      PAD_X: p.padX,
      DBIAS,
      WIDTH: itemWidth(w),
      IMAGES: tile.images,
      SERIAL: serial,
      BATCHES: batches,
      SUBGROUPS: tile.subgroups,
      HELD: heldOf(p, tile),
      BLOCKS: blocksOf(p),
      REACH: reachOf(p),
    },
    bindings,
    grid: flatGrid(c * batches),
  };
}

/** Matrices of sums that a subgroup holds: 8 registers a lane each. */
const MOST_SUMS = 12;
/** The ways to cut a weight gradient on matrix units, best guess first; none where the device has no fitting unit. */
export function bandsWeightTiles(p: Planes, profile: DeviceProfile): Ranked<BandsWeightTile> {
  const { limits, subgroups: sizes, busyLanes } = profile;
  if (unitOf(profile)?.n !== SIDE) return { first: [], later: [] };
  const sized = sizes.min === sizes.max ? {} : { sized: true as const };
  const [blocks, reach] = [blocksOf(p), reachOf(p)];
  const products = blocks * (2 * reach + 1) - reach * (reach + 1);
  const tiles = [16, 8]
    .flatMap((images) =>
      [8, 4].map((subgroups): BandsWeightTile => {
        // A lane holds so many sums that half of the lanes keep a GPU busy.
        const wanted = Math.ceil(busyLanes / (2 * UNIT_LANES * subgroups * p.sizes.c));
        const { batches } = split(p, images, Math.min(wanted, Math.ceil(p.sizes.n / images)));
        return { kind: 'bands-weight', images, subgroups, batches, ...sized };
      }),
    )
    .filter(
      (tile) =>
        heldOf(p, tile) * (2 * reach + 1) <= MOST_SUMS &&
        UNIT_LANES * tile.subgroups <= limits.maxComputeInvocationsPerWorkgroup &&
        bytesOf(p, tile) <= limits.maxComputeWorkgroupStorageSize,
    );
  return ranked(p, tiles, products);
}
