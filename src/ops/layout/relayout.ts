import { flatGrid } from '../dispatches.ts';
import type { Dispatch, Operand } from '../kernels.ts';
import type { MapsSize } from './reference.ts';

/** Rows and channels of a tile that a GPU kernel moves. */
export const TILE = 32;

export const WORKGROUP = 256;

export interface Relayout extends MapsSize {
  /** Maps to rows; otherwise rows to maps. */
  readonly toRows: boolean;
  /** Through tiles in workgroup memory, or element by element, as processors do it. */
  readonly kind: 'tiles' | 'processor';
  /** Tiles of rows per workgroup. Default 1. */
  readonly run?: number;
}

/** Operands of a change of layout: out = addend + mask gamma source. */
export interface RelayoutOperands {
  readonly addend?: Operand;
  readonly source: Operand;
  readonly gamma?: Operand | undefined;
  readonly mask?: Operand | undefined;
  readonly out: Operand;
  /** Only from maps to rows in tiles: partial sums (parts, c) of mask branch source, for the gradient of gamma. */
  readonly branch?: Operand;
  readonly parts?: Operand;
}

/** A change of layout: in tiles, with 4×4 blocks where both sizes are multiples of four, or element by element. */
export function relayout(
  { n, c, plane, toRows, kind, run = 1 }: Relayout,
  operands: RelayoutOperands,
): Dispatch {
  const rows = n * plane;
  const bindings = { ...operands };
  const params = { ROWS: rows, COLS: c, PLANE: plane, TO_ROWS: toRows };
  if (kind === 'processor') {
    const grid = flatGrid(Math.ceil((rows * c) / WORKGROUP));
    return { shader: 'layout/processor.wgsl', params: { ...params, WORKGROUP }, bindings, grid };
  }
  const inQuads = c % 4 === 0 && plane % 4 === 0;
  return {
    shader: `layout/${inQuads ? 'quads' : 'tiles'}.wgsl`,
    params: { ...params, RUN: run },
    bindings,
    grid: flatGrid(Math.ceil(Math.ceil(rows / TILE) / run) * Math.ceil(c / TILE)),
  };
}
