import type { ParamValue } from '../../shader/expression.ts';
import { columnSumLowering } from '../column-sum/kernels.ts';
import { sumParts } from '../dispatches.ts';
import {
  type DeviceTraits,
  type Dispatch,
  type Lowering,
  type Slot,
  type Variant,
  input,
  output,
  scratch,
} from '../kernels.ts';
import { normalizeRows } from '../layer-norm/kernels.ts';
import { type DType, type TensorSpec, f32 } from '../tensor.ts';
import type { MatmulShape } from './reference.ts';

/** Register tiles: lanes along columns and rows, blocks of four a lane, depth in workgroup memory. */
export const MATMUL_TILES = [
  { kind: 'tile', lx: 8, ly: 8, ra: 2, rb: 2, depth: 16 },
  { kind: 'tile', lx: 16, ly: 8, ra: 2, rb: 1, depth: 32 },
  { kind: 'tile', lx: 8, ly: 8, ra: 1, rb: 2, depth: 32 },
  { kind: 'tile', lx: 8, ly: 8, ra: 1, rb: 1, depth: 32 },
] as const;

const UNROLL = 4;

/** Workgroups that keep a large GPU busy; the inner dimension is cut until there are as many. */
const ENOUGH_GROUPS = 256;
/** Inner steps a part should have at least, so that writing parts stays cheap beside making them. */
const LEAST_STEPS = 8;

/** What a product needs beyond its sizes: how operands are stored, and what happens to a sum before it is written. */
export interface MatmulKernel {
  readonly shape: MatmulShape;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly reduceBatch: boolean;
  readonly bias: 'none' | 'cols' | 'rows';
  readonly accumulate: boolean;
  /** What shaders/matmul/operand.wgsl binds, in its order: a, b, and what normalises one of them. */
  readonly operands: readonly Slot[];
  /** What shaders/matmul/store.wgsl binds, in its order. */
  readonly ends: readonly Slot[];
  /** The operand that is maps, normalised as it is read. */
  readonly normal?: NormalOperand | undefined;
  readonly end?: MatmulEnd | undefined;
  /** The second output: sums of the columns of a, which is transposed; added to what is there if `accumulate`. */
  readonly sums?: { readonly accumulate: boolean } | undefined;
}

export interface NormalOperand {
  readonly operand: 'a' | 'b';
  readonly plane: number;
  readonly dtype: DType;
}

/** What becomes of a sum once the bias is added: `END` of shaders/matmul/store.wgsl. */
export type MatmulEnd =
  | { readonly kind: 'gelu'; readonly keep: boolean }
  | { readonly kind: 'gelu-gradient' }
  | {
      readonly kind: 'residual';
      readonly keep: boolean;
      readonly gamma: boolean;
      readonly mask: boolean;
      readonly plane: number;
    };

function endParams(end: MatmulEnd | undefined): Record<string, ParamValue> {
  const none = { END: 0, KEEP: 0, GAMMA: 0, MASK: 0 };
  switch (end?.kind) {
    case undefined:
      return none;
    case 'gelu':
      return { ...none, END: 1, KEEP: Number(end.keep) };
    case 'gelu-gradient':
      return { ...none, END: 2 };
    case 'residual':
      return {
        END: 3,
        KEEP: Number(end.keep),
        GAMMA: Number(end.gamma),
        MASK: Number(end.mask),
        PLANE: end.plane,
      };
  }
}

/** Maps lie along positions, as the transposed matrix of their rows does. */
function normalParams({ normal, transposeA, transposeB }: MatmulKernel): Record<string, ParamValue> {
  const operand = normal?.operand;
  return {
    TRANSPOSE_A: Number(transposeA || operand === 'a'),
    TRANSPOSE_B: Number(transposeB || operand === 'b'),
    NORMAL: operand === undefined ? 0 : operand === 'a' ? 1 : 2,
    PLANE: normal?.plane ?? 1,
  };
}

/** Lanes of the subgroup kernel: as wide as the columns fill. */
function lanesFor(n: number): number {
  const wasted = (lanes: number) => Math.ceil(n / (4 * lanes)) * 4 * lanes - n;
  return [32, 24, 16, 8].reduce((best, lanes) => (wasted(lanes) < wasted(best) ? lanes : best));
}

/**
 * @param half operands are stored in 16 bits: then tiles may hold them so as well, and a GPU reads half as much of them
 * @param sums the columns of a are summed too, through workgroup memory
 */
export function matmulVariants(
  shape: MatmulShape,
  { limits, features }: DeviceTraits,
  half: boolean,
  sums = false,
): readonly Variant[] {
  const fitting = MATMUL_TILES.filter(({ lx, ly, ra, rb, depth }) => {
    const lanes = lx * ly;
    const bytes = 16 * (depth * (ra * ly + rb * lx) + (sums ? lanes : 0));
    return (
      lanes <= limits.maxComputeInvocationsPerWorkgroup && bytes <= limits.maxComputeWorkgroupStorageSize
    );
  });
  // Of few rows or columns a large tile would leave most empty.
  const few = (extent: number) => (extent <= 32 ? 32 : Infinity);
  const isFull = ({ lx, ly, ra, rb }: (typeof MATMUL_TILES)[number]) =>
    4 * ra * ly <= few(shape.m) && 4 * rb * lx <= few(shape.n);
  const sorted: Variant[] = [...fitting.filter(isFull), ...fitting.filter((tile) => !isFull(tile))];
  const tiles = half ? sorted.flatMap((tile) => [{ ...tile, half }, tile]) : sorted;
  if (!features.has('subgroups')) return tiles;
  // A large tile takes software adapters seconds to compile, and runs at a third of the rate.
  const broadcast = (rows: number) => ({ kind: 'subgroup', rows, lanes: lanesFor(shape.n) });
  if (features.has('swiftshader')) return [broadcast(8)];
  if (features.has('software'))
    return [broadcast(16), ...tiles.filter((tile) => tile['rb'] === 1 && tile['ra'] === 1)];
  return [...tiles, broadcast(8)];
}

function baseParams(kernel: MatmulKernel, direct: boolean): Record<string, ParamValue> {
  const { shape } = kernel;
  return {
    M: shape.m,
    N: shape.n,
    K: shape.k,
    FIRST: kernel.operands.length,
    ...normalParams(kernel),
    STRIDE_A: shape.batchStrideA,
    STRIDE_B: shape.batchStrideB,
    SUMMED: kernel.reduceBatch ? shape.batch : 1,
    HAS_BIAS: Number(direct && kernel.bias !== 'none'),
    BIAS_COLS: Number(direct && kernel.bias === 'cols'),
    ACCUMULATE: Number(direct && kernel.accumulate),
    ...endParams(kernel.end),
  };
}

/** Lowers a product to one dispatch, or to more where its inner dimension is cut. */
export function lowerMatmul(kernel: MatmulKernel, variant: Variant): Lowering {
  const { shape, reduceBatch, sums } = kernel;
  const matrices = reduceBatch ? 1 : shape.batch;
  if (variant['kind'] === 'subgroup') return lowerSubgroup(kernel, variant);
  const [lx, ly, ra, rb, depth] = ['lx', 'ly', 'ra', 'rb', 'depth'].map((key) => Number(variant[key])) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const columnTiles = Math.ceil(shape.n / (4 * rb * lx));
  const rowTiles = Math.ceil(shape.m / (4 * ra * ly));
  const parts = partsFor(kernel, columnTiles * rowTiles * matrices, depth);
  const direct = parts === 1;
  const first = {
    shader: 'matmul/tile.wgsl',
    params: {
      ...baseParams(kernel, direct),
      PARTS: parts,
      LX: lx,
      LY: ly,
      RA: ra,
      RB: rb,
      DEPTH: depth,
      UNROLL,
      HALF: Number(variant['half'] === true),
      QUADS: Number(kernel.end?.kind === 'residual' && kernel.end.plane % 4 === 0),
      SUMS: Number(sums !== undefined),
      ACCUMULATE_SUMS: Number(direct && sums?.accumulate === true),
    },
    bindings: [
      ...kernel.operands,
      ...(direct ? kernel.ends : [scratch(0), ...(sums === undefined ? [] : [scratch(1)])]),
    ],
    grid: [columnTiles, rowTiles, matrices * parts] as const,
  };
  if (direct) return { scratch: [], dispatches: [first] };
  const addUp = [sumParts(scratch(0), output(0), shape.m * shape.n, parts, kernel.accumulate)];
  if (sums !== undefined) addUp.push(sumParts(scratch(1), output(1), shape.m, parts, sums.accumulate));
  return {
    scratch: [f32(parts, shape.m, shape.n), ...(sums === undefined ? [] : [f32(parts, shape.m)])],
    dispatches: [first, ...addUp],
  };
}

/**
 * Processors add up columns apart, and normalise b before the product: positions are its inner dimension, along which neighbouring
 * lanes would read far from each other. Beside the product, either would cost more than another pass.
 */
function lowerSubgroup(kernel: MatmulKernel, variant: Variant): Lowering {
  const { shape, reduceBatch, sums, operands, ends, normal } = kernel;
  const [a, b, ...statistics] = operands as readonly [Slot, Slot, ...Slot[]];
  const isApart = normal?.operand === 'b';
  const plain: MatmulKernel = isApart ? { ...kernel, operands: [a, scratch(0)], normal: undefined } : kernel;
  const [rows, lanes] = [Number(variant['rows']), Number(variant['lanes'])];
  const product: Dispatch = {
    shader: 'matmul/subgroup.wgsl',
    params: { ...baseParams(plain, true), ROWS: rows, LANES: lanes, QUADS: 0 },
    bindings: [...plain.operands, ...(sums === undefined ? ends : ends.slice(0, 1))],
    grid: [Math.ceil(shape.n / (4 * lanes)), Math.ceil(shape.m / rows), reduceBatch ? 1 : shape.batch],
  };
  const spec: TensorSpec = { shape: [shape.k, shape.n], dtype: normal?.dtype ?? 'f32' };
  const lowering: Lowering = isApart
    ? {
        scratch: [spec],
        dispatches: [
          normalizeRows([b, ...statistics, scratch(0)], {
            rows: shape.k,
            cols: shape.n,
            plane: normal.plane,
          }),
          product,
        ],
      }
    : { scratch: [], dispatches: [product] };
  if (sums === undefined) return lowering;
  const at = lowering.scratch.length;
  const columns = columnSumLowering(input(0), output(1), shape.k, shape.m, sums.accumulate, at);
  return {
    scratch: [...lowering.scratch, ...columns.scratch],
    dispatches: [...lowering.dispatches, ...columns.dispatches],
  };
}

/** Pieces of the inner dimension; only products with nothing but sums to write are cut. */
function partsFor({ shape, reduceBatch, bias, end }: MatmulKernel, groups: number, depth: number): number {
  if (end !== undefined || bias !== 'none' || (shape.batch > 1 && !reduceBatch)) return 1;
  const steps = (reduceBatch ? shape.batch : 1) * Math.ceil(shape.k / depth);
  const wanted = Math.min(Math.ceil(ENOUGH_GROUPS / groups), Math.floor(steps / LEAST_STEPS));
  if (wanted <= 1) return 1;
  // No part may be empty: its share of scratch would not be zero.
  return Math.ceil(steps / Math.ceil(steps / wanted));
}
