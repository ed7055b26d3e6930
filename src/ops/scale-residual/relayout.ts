import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Slot, type LowerContext, output } from '../kernels.ts';
import type { ResidualSize } from './reference.ts';

export const TILE = 32;

export const WORKGROUP = 256;

/**
 * A change of layout in blocks of 4×4 where four divides both sizes, else through tiles (`isPlain`: element by element); `run`
 * tiles of rows a workgroup.
 */
export function relayout(
  { n, c, plane }: ResidualSize,
  toRows: boolean,
  slots: {
    addend?: Slot;
    source: Slot;
    gamma?: Slot | undefined;
    mask?: Slot | undefined;
    dot?: { branch: Slot; parts: Slot };
  },
  run = 1,
  isPlain = false,
): Dispatch {
  const { addend, source, gamma, mask, dot } = slots;
  const rows = n * plane;
  const bindings = { addend, source, gamma, mask, out: output(0), ...dot };
  const params = {
    ROWS: rows,
    COLS: c,
    PLANE: plane,
    TO_ROWS: toRows,
  };
  if (isPlain) {
    const grid = flatGrid(Math.ceil((rows * c) / WORKGROUP));
    return { shader: 'scale-residual/plain-layout.wgsl', params: { ...params, WORKGROUP }, bindings, grid };
  }
  const inQuads = c % 4 === 0 && plane % 4 === 0;
  return {
    shader: `scale-residual/${inQuads ? 'quads' : 'layout'}.wgsl`,
    params: { ...params, RUN: run },
    bindings,
    grid: flatGrid(Math.ceil(Math.ceil(rows / TILE) / run) * Math.ceil(c / TILE)),
  };
}

export type LayoutVariant = { readonly kind: 'plain' | 'tiles' };

/** Where a barrier switches between invocations, it costs more than a scattered read. */
export function layoutVariants({
  profile,
}: Pick<LowerContext<unknown>, 'profile'>): readonly LayoutVariant[] {
  return [{ kind: profile.barrier === 'switch' ? 'plain' : 'tiles' }];
}
