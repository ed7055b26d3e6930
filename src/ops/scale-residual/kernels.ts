import { defined } from '../../util/errors.ts';
import { flatGrid, sumParts } from '../dispatches.ts';
import {
  type AnyKernels,
  type Dispatch,
  type Kernels,
  type Lowering,
  type Slot,
  input,
  output,
  scratch,
} from '../kernels.ts';
import { f32 } from '../tensor.ts';
import {
  type GradientInputs,
  type ScaleResidualAttrs,
  gradientInputs,
  residualSize,
  scaleResidual,
  scaleResidualGradient,
  split,
} from './op.ts';
import type { ResidualSize } from './reference.ts';
import { TILE, WORKGROUP, layoutVariants, relayout, type LayoutVariant } from './relayout.ts';

export const scaleResidualKernels: Kernels<ScaleResidualAttrs, LayoutVariant> = {
  op: scaleResidual,
  variants: layoutVariants,
  lower({ inputs, attrs }, variant): Lowering {
    const size = residualSize('scale-residual', inputs[0], inputs[1], [], attrs);
    const slots = split(
      'scale-residual',
      inputs.map((_, i) => input(i)),
      2,
      attrs,
    );
    if (attrs.from === 'rows')
      return {
        scratch: [],
        dispatches: [
          relayout(
            size,
            false,
            { addend: input(0), source: input(1), gamma: slots.gamma, mask: slots.mask },
            1,
            variant.kind === 'plain',
          ),
        ],
      };
    const n = size.n * size.c * size.plane;
    const dispatch: Dispatch = {
      shader: 'scale-residual/maps.wgsl',
      params: { N: n, COLS: size.c, PLANE: size.plane, WORKGROUP },
      bindings: { x: input(0), branch: input(1), gamma: slots.gamma, mask: slots.mask, y: output(0) },
      grid: flatGrid(Math.ceil(n / WORKGROUP)),
    };
    return { scratch: [], dispatches: [dispatch] };
  },
};

export const scaleResidualGradientKernels: Kernels<ScaleResidualAttrs, LayoutVariant> = {
  op: scaleResidualGradient,
  variants: layoutVariants,
  lower({ inputs, attrs, accumulate }, variant): Lowering {
    const slots = gradientInputs(
      inputs.map((_, i) => input(i)),
      attrs,
    );
    const { dy } = gradientInputs(inputs, attrs);
    const size = residualSize('scale-residual-gradient', dy, undefined, [], attrs);
    const first =
      attrs.from === 'nchw'
        ? gradientInMaps(size, slots)
        : variant.kind === 'plain'
          ? gradientToRowsPlain(size, slots)
          : gradientToRows(size, slots);
    if (!attrs.gamma) return { scratch: [], dispatches: first.dispatches };
    return {
      scratch: [f32(first.parts, size.c)],
      dispatches: [...first.dispatches, sumParts(scratch(0), output(1, accumulate[1]), size.c, first.parts)],
    };
  },
};

export const kernels: readonly AnyKernels[] = [scaleResidualKernels, scaleResidualGradientKernels];

/** Tiles of rows one partial sum of dgamma covers. */
const RUN = 8;

interface GradientStage {
  readonly dispatches: readonly Dispatch[];
  /** Partial sums of dgamma in scratch. */
  readonly parts: number;
}

function gradientToRows(size: ResidualSize, slots: GradientInputs<Slot>): GradientStage {
  const { branch, gamma, mask } = slots;
  const source = defined(slots.dy, 'dy');
  const run = branch === undefined ? 1 : RUN;
  const dot = branch === undefined ? {} : { dot: { branch, parts: scratch(0) } };
  return {
    dispatches: [relayout(size, true, { source, gamma, mask, ...dot }, run)],
    parts: Math.ceil(Math.ceil((size.n * size.plane) / TILE) / run),
  };
}

/** Rows one partial sum of dgamma covers where there are no tiles. */
const PLAIN_RUN = 64;

function gradientToRowsPlain(size: ResidualSize, slots: GradientInputs<Slot>): GradientStage {
  const { branch, gamma, mask } = slots;
  const source = defined(slots.dy, 'dy');
  const layout = relayout(size, true, { source, gamma, mask }, 1, true);
  if (branch === undefined) return { dispatches: [layout], parts: 0 };
  const rows = size.n * size.plane;
  const parts = Math.ceil(rows / PLAIN_RUN);
  const dot: Dispatch = {
    shader: 'scale-residual/plain-dot.wgsl',
    params: {
      ROWS: rows,
      COLS: size.c,
      PLANE: size.plane,
      RUN: PLAIN_RUN,
      WORKGROUP: 64,
    },
    bindings: { dy: source, branch, mask, parts: scratch(0) },
    grid: flatGrid(Math.ceil((parts * size.c) / 64)),
  };
  return { dispatches: [layout, dot], parts };
}

function gradientInMaps(
  { n, c, plane }: ResidualSize,
  { branch, dy, gamma, mask }: GradientInputs<Slot>,
): GradientStage {
  const dispatch: Dispatch = {
    shader: 'scale-residual/maps-gradient.wgsl',
    params: {
      PLANES: n * c,
      COLS: c,
      PLANE: plane,
      WORKGROUP: 64,
    },
    bindings: { dy, dbranch: output(0), mask, gamma, branch, parts: gamma && scratch(0) },
    grid: flatGrid(n * c),
  };
  return { dispatches: [dispatch], parts: n };
}
