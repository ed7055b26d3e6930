import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid, sumParts } from '../dispatches.ts';
import { type ContextOf, type Dispatch, type Kernels, type Operand, scratch } from '../kernels.ts';
import { TILE, WORKGROUP, relayout } from '../layout/relayout.ts';
import { f32 } from '../tensor.ts';
import { residualSize, scaleResidual, scaleResidualGradient } from './op.ts';
import type { ResidualSize } from './reference.ts';

type Layout = { readonly kind: 'processor' | 'tiles' };

/** A barrier that switches between invocations costs more than scattered reads. */
function variants({ profile }: { readonly profile: DeviceProfile }): readonly Layout[] {
  return [{ kind: profile.barrier === 'switch' ? 'processor' : 'tiles' }];
}

export const scaleResidualKernels: Kernels<typeof scaleResidual, Layout> = {
  op: scaleResidual,
  variants,
  lower({ inputs, outputs: { y }, attrs }, { kind }) {
    const size = residualSize('scale-residual', inputs.x, inputs, attrs);
    const { x, branch, ...factors } = inputs;
    if (attrs.from === 'rows')
      return [relayout({ ...size, toRows: false, kind }, { addend: x, source: branch, ...factors, out: y })];
    const n = size.n * size.c * size.plane;
    return [
      {
        shader: 'scale-residual/maps.wgsl',
        params: { N: n, COLS: size.c, PLANE: size.plane, WORKGROUP },
        bindings: { ...inputs, y },
        grid: flatGrid(Math.ceil(n / WORKGROUP)),
      },
    ];
  },
};

export const scaleResidualGradientKernels: Kernels<typeof scaleResidualGradient, Layout> = {
  op: scaleResidualGradient,
  variants,
  lower(context, { kind }) {
    const { inputs, outputs, attrs } = context;
    const size = residualSize('scale-residual-gradient', inputs.dy, inputs, attrs);
    const count = outputs.dgamma && partsOf(size, kind);
    const parts = count === undefined ? undefined : scratch(f32(count, size.c));
    const first = size.rows ? toRows(context, size, kind, parts) : [inMaps(context, size, parts)];
    return parts && outputs.dgamma ? [...first, sumParts(parts, outputs.dgamma)] : first;
  },
};

export const kernels = [scaleResidualKernels, scaleResidualGradientKernels];

type Gradient = ContextOf<typeof scaleResidualGradient>;

/** Tiles of rows (or rows, without tiles) that one partial sum of dgamma covers. */
const TILE_RUN = 8;
const ROW_RUN = 64;

/** Partial sums of dgamma. If the branch is maps, each is over one image. */
function partsOf({ n, plane, rows }: ResidualSize, kind: Layout['kind']): number {
  if (!rows) return n;
  if (kind === 'processor') return Math.ceil((n * plane) / ROW_RUN);
  return Math.ceil(Math.ceil((n * plane) / TILE) / TILE_RUN);
}

function toRows(
  { inputs: { branch, dy, gamma, mask }, outputs }: Gradient,
  size: ResidualSize,
  kind: Layout['kind'],
  parts: Operand | undefined,
): readonly Dispatch[] {
  const operands = { source: dy, gamma, mask, out: outputs.dbranch };
  if (branch === undefined || parts === undefined)
    return [relayout({ ...size, toRows: true, kind }, operands)];
  if (kind === 'tiles')
    return [relayout({ ...size, toRows: true, kind, run: TILE_RUN }, { ...operands, branch, parts })];
  const [count = 0] = parts.shape;
  const dot: Dispatch = {
    shader: 'scale-residual/processor-dot.wgsl',
    params: { ROWS: size.n * size.plane, COLS: size.c, PLANE: size.plane, RUN: ROW_RUN, WORKGROUP: 64 },
    bindings: { dy, branch, mask, parts },
    grid: flatGrid(Math.ceil((count * size.c) / 64)),
  };
  return [relayout({ ...size, toRows: true, kind }, operands), dot];
}

function inMaps(
  { inputs, outputs: { dbranch } }: Gradient,
  { n, c, plane }: ResidualSize,
  parts: Operand | undefined,
): Dispatch {
  return {
    shader: 'scale-residual/maps-gradient.wgsl',
    params: { PLANES: n * c, COLS: c, PLANE: plane, WORKGROUP: 64 },
    bindings: { ...inputs, dbranch, parts },
    grid: flatGrid(n * c),
  };
}
