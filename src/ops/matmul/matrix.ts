import type { DeviceProfile } from '../../device/profile.ts';
import type { ParamValue } from '../../shader/parameters.ts';
import { GAP, SIDE, UNIT_LANES, unitOf } from '../matrix-units.ts';
import type { MatmulShape } from './reference.ts';

/** Matmul on matrix units (tensor cores): 16-bit operands, 32-bit sums. The shader is shaders/matmul/matrix.wgsl. */

/** A workgroup makes `rows`×`cols` elements of y and goes through the inner dimension `depth` at a time. */
export interface WorkgroupTile {
  readonly shader: string;
  readonly rows: number;
  readonly cols: number;
  readonly depth: number;
  /** Workgroups that keep a large GPU busy. */
  readonly busyGroups: number;
  readonly params: Readonly<Record<string, ParamValue>>;
}

/** How `shaders/matmul/matrix.wgsl` tiles the work; see its parameters. */
export type MatrixVariant = {
  readonly kind: 'matrix';
  /** Columns of one matrix of the unit. */
  readonly cols: number;
  readonly wa: number;
  readonly wb: number;
  readonly ra: number;
  readonly rb: number;
  readonly depth: number;
  readonly strip: number;
  readonly turn: boolean;
  /** Asks for subgroups of 32 lanes. */
  readonly sized?: true;
};

/** A workgroup has wa·wb subgroups; each makes ra matrices of 16 rows by rb·16 columns. */
interface Tiling {
  readonly wa: number;
  readonly wb: number;
  readonly ra: number;
  readonly rb: number;
  readonly depth: number;
  /** Matrices of a row that are stored at once. */
  readonly strip: number;
  /** Share of the units' peak rate that this tiling reaches with enough workgroups; loads between units limit it. */
  readonly share: number;
}

/** An element of a is loaded from workgroup memory once for rb·16 multiply-adds, an element of b once for ra·16. */
const TILINGS: readonly Tiling[] = [
  { wa: 2, wb: 4, ra: 4, rb: 2, depth: 32, strip: 2, share: 1 },
  { wa: 4, wb: 2, ra: 2, rb: 3, depth: 32, strip: 3, share: 0.95 },
  { wa: 2, wb: 2, ra: 4, rb: 2, depth: 32, strip: 2, share: 0.85 },
  { wa: 2, wb: 2, ra: 2, rb: 2, depth: 32, strip: 2, share: 0.7 },
];

/**
 * These load least, but need 200 registers a lane where a subgroup of 32 lanes holds a matrix once. RDNA holds operands twice and would
 * run out of registers; its subgroups come in two sizes, by which it is told apart.
 */
const WIDE: readonly Tiling[] = [
  { wa: 2, wb: 2, ra: 4, rb: 4, depth: 32, strip: 4, share: 0.9 },
  { wa: 4, wb: 2, ra: 4, rb: 4, depth: 32, strip: 1, share: 0.9 },
];

/** How many workgroups of `lanes` lanes a large GPU holds at once. A lane holds 64 sums or more, so half of busyLanes fill the registers. */
export function busyGroups({ busyLanes }: DeviceProfile, lanes: number): number {
  return busyLanes / (2 * lanes);
}

/** The most bytes of workgroup memory that shaders/matmul/matrix.wgsl needs, however its operands are stored. */
function bytesOf({ wa, wb, ra, rb, depth, strip }: Tiling, sums: boolean): number {
  const tile = (outer: number) => Math.max(outer * (depth + GAP), depth * (outer + GAP));
  const strips = wa * wb * SIDE * (16 * strip + GAP);
  const sharers = sums ? 16 * Math.max(UNIT_LANES * wa * wb, depth * wa * ra) : 0;
  return 2 * (tile(16 * wa * ra) + tile(16 * wb * rb)) + 4 * strips + sharers;
}

/**
 * The ways to compute a matmul on matrix units, best guess first; none where the device has no fitting unit.
 * @param sums the columns of a are summed too
 * @param leastSteps of the inner dimension (of all matrices) in each split; Infinity where the inner dimension is not split
 */
export function matrixVariants(
  { batch, m, n, k }: MatmulShape,
  profile: DeviceProfile,
  sums: boolean,
  leastSteps: number,
): readonly MatrixVariant[] {
  const unit = unitOf(profile);
  if (unit === undefined) return [];
  const { limits, subgroups } = profile;
  const isOneSize = subgroups.min === subgroups.max;
  const fitting = (isOneSize ? [...TILINGS, ...WIDE] : TILINGS).filter(
    (tiling) =>
      UNIT_LANES * tiling.wa * tiling.wb <= limits.maxComputeInvocationsPerWorkgroup &&
      bytesOf(tiling, sums) <= limits.maxComputeWorkgroupStorageSize,
  );
  // Estimated time: a large GPU runs `slots` workgroups at once, and a round takes as long as one tile.
  const cost = ({ wa, wb, ra, rb, depth, share }: Tiling) => {
    const [rows, cols, slots] = [16 * wa * ra, 16 * wb * rb, busyGroups(profile, UNIT_LANES * wa * wb)];
    const tiles = Math.ceil(m / rows) * Math.ceil(n / cols);
    const groups = leastSteps === Infinity ? tiles * batch : tiles;
    const splits =
      leastSteps === Infinity
        ? 1
        : Math.max(1, Math.min(Math.floor(slots / tiles), (batch * k) / depth / leastSteps));
    return (Math.ceil((groups * splits) / slots) * slots * rows * cols) / share / splits;
  };
  const variants = fitting
    .sort((x, y) => cost(x) - cost(y))
    .map(({ wa, wb, ra, rb, depth, strip }): MatrixVariant => ({
      kind: 'matrix',
      cols: unit.n,
      wa,
      wb,
      ra,
      rb: (16 / unit.n) * rb,
      depth,
      strip: (16 / unit.n) * strip,
      turn: true,
      ...(isOneSize ? {} : { sized: true }),
    }));
  // Units of these devices read a tile column by column as fast as row by row, so tiles need no transposition.
  return isOneSize ? variants.flatMap((variant) => [{ ...variant, turn: false }, variant]) : variants;
}

export function matrixTile(
  variant: MatrixVariant,
  { m, n, k }: MatmulShape,
  profile: DeviceProfile,
): WorkgroupTile {
  const { cols, wa, wb, ra, rb, depth, strip, turn, sized = false } = variant;
  const [tileRows, tileCols] = [SIDE * wa * ra, cols * wb * rb];
  const tiles = Math.ceil(m / tileRows) * Math.ceil(n / tileCols);
  return {
    shader: 'matmul/matrix.wgsl',
    rows: tileRows,
    cols: tileCols,
    depth,
    // A multiple of the tiles: a few workgroups more than the device holds at once would take another whole round.
    busyGroups: Math.floor(busyGroups(profile, UNIT_LANES * wa * wb) / tiles) * tiles,
    params: {
      READ: 'narrow',
      WHOLE: k % depth === 0,
      SIZED: sized,
      COLS: cols,
      LANES: UNIT_LANES * wa * wb,
      WA: wa,
      WB: wb,
      RA: ra,
      RB: rb,
      DEPTH: depth,
      STRIP: strip,
      EVEN: m % tileRows === 0 && n % tileCols === 0,
      TURN: turn,
    },
  };
}
