import type { DeviceProfile } from '../../device/profile.ts';
import type { ParamValue } from '../../shader/parameters.ts';
import { sumColumns } from '../column-sum/kernels.ts';
import { sumParts } from '../dispatches.ts';
import { type Dispatch, type Operand, reshaped, scratch } from '../kernels.ts';
import { defined } from '../../util/errors.ts';
import { normalizeRows } from '../layer-norm/kernels.ts';
import { f32 } from '../tensor.ts';
import { type MatrixVariant, type WorkgroupTile, busyGroups, matrixTile, matrixVariants } from './matrix.ts';
import type { MatmulShape } from './reference.ts';

/** Register tiles: lanes along columns and rows, blocks of four per lane, depth of a tile in workgroup memory. */
export const MATMUL_TILES = [
  { kind: 'tile', lx: 8, ly: 8, ra: 2, rb: 2, depth: 16 },
  { kind: 'tile', lx: 16, ly: 8, ra: 2, rb: 1, depth: 32 },
  { kind: 'tile', lx: 8, ly: 8, ra: 1, rb: 2, depth: 32 },
  { kind: 'tile', lx: 8, ly: 8, ra: 1, rb: 1, depth: 32 },
] as const;

/** The same, double-buffered: the next tiles are fetched while these are multiplied. `depth` is that of one tile. */
export const MATMUL_BLOCKS = [
  { kind: 'block', lx: 8, ly: 16, ra: 2, rb: 2, depth: 8 },
  { kind: 'block', lx: 16, ly: 16, ra: 2, rb: 2, depth: 8 },
  { kind: 'block', lx: 8, ly: 8, ra: 2, rb: 2, depth: 8 },
] as const;

/** With `half`, tiles in workgroup memory hold f16. */
type Tile = (typeof MATMUL_TILES | typeof MATMUL_BLOCKS)[number] & { readonly half?: boolean };

/** A workgroup is one subgroup whose lanes broadcast what they read to each other; it makes `rows` × 4·`lanes` elements of y. */
type Broadcast = { readonly kind: 'subgroup'; readonly rows: number; readonly lanes: number };

export type MatmulVariant = MatrixVariant | Tile | Broadcast;

const UNROLL = 4;

/** Fewest steps of the inner dimension in a split: with fewer, storing partial sums would cost too much beside computing them. */
const LEAST_STEPS = 8;

/** What the matmul shaders bind; see shaders/matmul/operand.wgsl and store.wgsl. */
export interface MatmulBindings {
  readonly a: Operand;
  readonly b: Operand;
  readonly bias?: Operand | undefined;
  /** Statistics and affine parameters of LayerNorm, where an operand is normalised. */
  readonly statistics?: Operand | undefined;
  readonly norm_weight?: Operand | undefined;
  readonly norm_bias?: Operand | undefined;
  /** Read by the epilogue. */
  readonly h?: Operand | undefined;
  readonly addend?: Operand | undefined;
  readonly gamma?: Operand | undefined;
  readonly mask?: Operand | undefined;
  readonly y: Operand;
  /** The matmul's own result, stored beside the epilogue's. */
  readonly kept?: Operand | undefined;
  /** Column sums of a, which is stored transposed. */
  readonly sums?: Operand | undefined;
}

/** One matmul to lower: its sizes, how operands are stored, and what happens to sums before they are stored. */
export interface MatmulKernel {
  readonly shape: MatmulShape;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly reduceBatch: boolean;
  readonly bias: 'none' | 'cols' | 'rows';
  readonly bindings: MatmulBindings;
  /** The operand that holds maps and is normalised as it is read. */
  readonly normal?: NormalOperand | undefined;
  readonly epilogue?: MatmulEpilogue | undefined;
}

export interface NormalOperand {
  readonly operand: 'a' | 'b';
  readonly plane: number;
}

/** What is done to a sum after the bias is added: `EPILOGUE` of shaders/matmul/store.wgsl. */
export type MatmulEpilogue =
  { readonly kind: 'gelu' | 'gelu_gradient' } | { readonly kind: 'residual'; readonly plane: number };

/** Lanes of the subgroup kernel: the widest that wastes fewest columns. */
function lanesFor(n: number): number {
  const wasted = (lanes: number) => Math.ceil(n / (4 * lanes)) * 4 * lanes - n;
  return [32, 24, 16, 8].reduce((best, lanes) => (wasted(lanes) < wasted(best) ? lanes : best));
}

const wideBlocks = ({ batch, m, n }: MatmulShape) => batch * Math.ceil(m / 128) * Math.ceil(n / 128);

/**
 * The ways to compute a matmul, best guess first.
 * @param half operands are stored in 16 bits, so matrix units and tiles may hold 16 bits too
 * @param sums the columns of a are summed as well, through workgroup memory
 * @param canSplit the inner dimension may be split; see {@link isOnlySums}
 */
export function matmulVariants(
  shape: MatmulShape,
  profile: DeviceProfile,
  half: boolean,
  sums = false,
  canSplit = false,
): readonly MatmulVariant[] {
  const { limits, features, machine, simdWidth, barrier } = profile;
  const matrix = half ? matrixVariants(shape, profile, sums, canSplit ? LEAST_STEPS : Infinity) : [];
  const fits = ({ kind, lx, ly, ra, rb, depth }: Tile) => {
    const lanes = lx * ly;
    const bytes = 16 * ((kind === 'block' ? 2 : 1) * depth * (ra * ly + rb * lx) + (sums ? lanes : 0));
    return (
      lanes <= limits.maxComputeInvocationsPerWorkgroup && bytes <= limits.maxComputeWorkgroupStorageSize
    );
  };
  const fitting = MATMUL_TILES.filter(fits);
  // With few rows or columns, most of a large tile would be empty.
  const few = (extent: number) => (extent <= 32 ? 32 : Infinity);
  const isFull = ({ lx, ly, ra, rb }: Tile) => 4 * ra * ly <= few(shape.m) && 4 * rb * lx <= few(shape.n);
  const within = (extent: number) => 64 * Math.ceil(extent / 64);
  const suits = (block: Tile) =>
    isFull(block) && 4 * block.ra * block.ly <= within(shape.m) && 4 * block.rb * block.lx <= within(shape.n);
  // The widest block reads least memory. It pays where there are enough of them and no more of it is empty than of the others.
  const isWide = ({ lx }: Tile) =>
    lx === 16 && !canSplit && within(shape.n) % 128 === 0 && wideBlocks(shape) >= 512;
  const usable = machine === 'gpu' ? MATMUL_BLOCKS.filter((block) => fits(block) && suits(block)) : [];
  const blocks = [...usable.filter(isWide), ...usable.filter((block) => !isWide(block))];
  const sorted: Tile[] = [...blocks, ...fitting.filter(isFull), ...fitting.filter((tile) => !isFull(tile))];
  const stored = half ? sorted.flatMap((tile): Tile[] => [{ ...tile, half }, tile]) : sorted;
  const tiles = [...matrix, ...stored];
  if (!features.has('subgroups')) return tiles;
  // On software adapters a large tile takes seconds to compile and runs at a third of the rate.
  const broadcast = (rows: number): Broadcast => ({ kind: 'subgroup', rows, lanes: lanesFor(shape.n) });
  if (machine === 'processor' && barrier === 'switch') return [broadcast(2 * simdWidth)];
  if (machine === 'processor')
    return [broadcast(2 * simdWidth), ...stored.filter(({ ra, rb }) => ra === 1 && rb === 1)];
  return [...tiles, broadcast(8)];
}

function baseParams({ shape, normal, epilogue, ...kernel }: MatmulKernel): Record<string, ParamValue> {
  const operand = normal?.operand;
  return {
    M: shape.m,
    N: shape.n,
    K: shape.k,
    // Maps lie along positions, as the transposed matrix of their rows does.
    TRANSPOSE_A: kernel.transposeA || operand === 'a',
    TRANSPOSE_B: kernel.transposeB || operand === 'b',
    NORMAL: operand ?? 'none',
    PLANE: (epilogue?.kind === 'residual' ? epilogue.plane : normal?.plane) ?? 1,
    STRIDE_A: shape.batchStrideA,
    STRIDE_B: shape.batchStrideB,
    SUMMED: kernel.reduceBatch ? shape.batch : 1,
    BIAS: kernel.bias === 'rows' ? 'rows' : 'cols',
    EPILOGUE: epilogue?.kind ?? 'plain',
  };
}

function registerTile(
  { kind, lx, ly, ra, rb, depth, half = false }: Tile,
  profile: DeviceProfile,
): WorkgroupTile {
  const isBlock = kind === 'block';
  return {
    shader: isBlock ? 'matmul/block.wgsl' : 'matmul/tile.wgsl',
    rows: 4 * ra * ly,
    cols: 4 * rb * lx,
    depth,
    busyGroups: busyGroups(profile, lx * ly),
    params: {
      READ: 'load',
      WHOLE: false,
      LX: lx,
      LY: ly,
      RA: ra,
      RB: rb,
      DEPTH: depth,
      ...(isBlock ? {} : { UNROLL }),
      HALF: half,
    },
  };
}

/** Lowers a matmul to one dispatch, or to more where its inner dimension is split. */
export function lowerMatmul(
  kernel: MatmulKernel,
  variant: MatmulVariant,
  profile: DeviceProfile,
): readonly Dispatch[] {
  const { shape, reduceBatch, bindings } = kernel;
  const matrices = reduceBatch ? 1 : shape.batch;
  if (variant.kind === 'subgroup') return lowerSubgroup(kernel, variant, profile);
  const tile =
    variant.kind === 'matrix' ? matrixTile(variant, shape, profile) : registerTile(variant, profile);
  const columnTiles = Math.ceil(shape.n / tile.cols);
  const rowTiles = Math.ceil(shape.m / tile.rows);
  const splits = splitsOf(kernel, tile.busyGroups / (columnTiles * rowTiles * matrices), tile.depth);
  const { y, sums } = bindings;
  const ySplits = splits === 1 ? y : scratch(f32(splits, shape.m, shape.n));
  const sumsSplits = splits === 1 ? sums : sums && scratch(f32(splits, shape.m));
  const first = {
    shader: tile.shader,
    params: {
      ...baseParams(kernel),
      ...tile.params,
      SPLIT_K: splits,
      QUADS: kernel.epilogue?.kind === 'residual' && kernel.epilogue.plane % 4 === 0,
    },
    bindings: { ...bindings, y: ySplits, sums: sumsSplits },
    grid: [columnTiles, rowTiles, matrices * splits] as const,
  };
  if (splits === 1) return [first];
  return [first, sumParts(ySplits, y), ...(sums && sumsSplits ? [sumParts(sumsSplits, sums)] : [])];
}

/**
 * On processors, column sums and the normalisation of b are dispatches of their own. Positions are the inner dimension of b, along which
 * neighbouring lanes would read far from each other, so inside the matmul either would cost more than another pass.
 */
function lowerSubgroup(
  kernel: MatmulKernel,
  { rows, lanes }: Broadcast,
  profile: DeviceProfile,
): readonly Dispatch[] {
  const { shape, reduceBatch, normal } = kernel;
  const { sums, ...bindings } = kernel.bindings;
  const { statistics, norm_weight, norm_bias, ...unnormalised } = bindings;
  const isApart = normal?.operand === 'b';
  const { b } = bindings;
  const normalised = isApart ? scratch({ shape: [shape.k, shape.n], dtype: b.dtype }) : b;
  const multiply: Dispatch = {
    shader: 'matmul/subgroup.wgsl',
    params: {
      ...baseParams(isApart ? { ...kernel, normal: undefined } : kernel),
      READ: 'load',
      WHOLE: false,
      ROWS: rows,
      LANES: lanes,
      QUADS: false,
    },
    bindings: isApart ? { ...unnormalised, b: normalised } : { ...bindings },
    grid: [Math.ceil(shape.n / (4 * lanes)), Math.ceil(shape.m / rows), reduceBatch ? 1 : shape.batch],
  };
  const before = isApart
    ? [
        normalizeRows(
          {
            x: b,
            statistics: defined(statistics, 'statistics'),
            weight: defined(norm_weight, 'norm_weight'),
            bias: defined(norm_bias, 'norm_bias'),
            y: normalised,
          },
          { rows: shape.k, cols: shape.n, plane: normal.plane },
        ),
      ]
    : [];
  return [
    ...before,
    multiply,
    ...(sums ? sumColumns(reshaped(bindings.a, shape.k, shape.m), sums, profile) : []),
  ];
}

/** Whether a matmul stores one matrix of plain sums: only then can its inner dimension be split. */
export function isOnlySums({
  shape,
  reduceBatch,
  bias,
  epilogue,
}: Pick<MatmulKernel, 'shape' | 'reduceBatch' | 'bias' | 'epilogue'>): boolean {
  return epilogue === undefined && bias === 'none' && (shape.batch === 1 || reduceBatch);
}

/** How many splits the inner dimension gets (split-K). */
function splitsOf(kernel: MatmulKernel, most: number, depth: number): number {
  if (!isOnlySums(kernel)) return 1;
  const { shape, reduceBatch } = kernel;
  const steps = (reduceBatch ? shape.batch : 1) * Math.ceil(shape.k / depth);
  const wanted = Math.min(Math.ceil(most), Math.floor(steps / LEAST_STEPS));
  if (wanted <= 1) return 1;
  // No split may be empty: nothing would write its share of scratch.
  return Math.ceil(steps / Math.ceil(steps / wanted));
}
