import { columnSumLowering } from '../column-sum/kernels.ts';
import { flatGrid } from '../dispatches.ts';
import {
  type AnyKernels,
  type Dispatch,
  type Kernels,
  type LowerContext,
  type Lowering,
  type Slot,
  type Variant,
  input,
  output,
  scratch,
} from '../kernels.ts';
import { f32 } from '../tensor.ts';
import { type LayerNormStatisticsAttrs, layerNorm, layerNormGradient, layerNormStatistics } from './op.ts';
import { type LayerNormAttrs, type LayerNormShape, isInQuads, layerNormShape } from './shape.ts';

const WORKGROUP = 64;
/** Positions a workgroup of the maps kernels takes. */
const POSITIONS = 32;
/** Vectors of a row one lane holds in registers at most, where a row has lanes enough. */
const MOST_ITEMS = 6;
/** Workgroups of the rows gradient: each leaves one part of dweight and dbias. */
const PARTS = 256;

/** Invocations of a workgroup where each takes a position by itself. */
const PLAIN_WORKGROUP = 64;

/**
 * Rows: where a row fits into the registers of four lanes of a subgroup (each has as many), these exchange sums without a barrier;
 * else the fewest lanes that keep it in registers share sums through workgroup memory. Maps: blocks of 4×4 where four divides
 * both sizes. Where a barrier switches between invocations, none waits for another.
 */
function variants(
  pass: 'forward' | 'gradient',
  { attrs: { from }, inputs: [x], profile: { features, barrier } }: LowerContext<LayerNormAttrs>,
): readonly Variant[] {
  const items = itemsOf(x?.shape.at(-1) ?? 1);
  const shuffled: readonly Variant[] =
    from === 'rows' && features.has('subgroups') && items <= 4 * MOST_ITEMS
      ? [{ kind: 'rows', lanes: 4, shuffle: true }]
      : [];
  if (barrier === 'switch') return [...(pass === 'forward' ? shuffled : []), { kind: 'plain' }];
  if (from === 'nchw') return [{ kind: isInQuads(x?.shape ?? []) ? 'quads' : 'maps' }];
  const lanes = [8, 16, 32, 64].find((count) => Math.ceil(items / count) <= MOST_ITEMS) ?? 64;
  return [...shuffled, { kind: 'rows', lanes }];
}

function kindOf(variant: Variant): 'quads' | 'maps' {
  return variant['kind'] === 'quads' ? 'quads' : 'maps';
}

/** vec4 or elements of a row. */
function itemsOf(cols: number): number {
  return cols % 4 === 0 ? cols / 4 : cols;
}

function rowParams({ rows, cols }: LayerNormShape, variant: Variant) {
  const lanes = Number(variant['lanes']);
  const items = Math.ceil(itemsOf(cols) / lanes);
  return { ROWS: rows, COLS: cols, LANES: lanes, ITEMS: items, SHUFFLE: variant['shuffle'] === true };
}

/** Maps x in quads to rows y, normalised by statistics that are given. */
export function normalizeRows(
  bindings: Readonly<Record<'x' | 'statistics' | 'weight' | 'bias' | 'y', Slot>>,
  { rows, cols, plane }: LayerNormShape,
): Dispatch {
  return {
    shader: 'layer-norm/apply.wgsl',
    params: { ROWS: rows, COLS: cols, PLANE: plane, WORKGROUP: PLAIN_WORKGROUP },
    bindings,
    grid: flatGrid(Math.ceil((rows * cols) / 16 / PLAIN_WORKGROUP)),
  };
}

function forward(shape: LayerNormShape, attrs: LayerNormAttrs, variant: Variant): Omit<Dispatch, 'bindings'> {
  const { rows, cols, plane } = shape;
  const EPS = attrs.eps;
  const kind = String(variant['kind']);
  if (kind === 'plain')
    return {
      shader: 'layer-norm/plain-forward.wgsl',
      params: { ...plainParams(shape, attrs), EPS },
      grid: flatGrid(Math.ceil(rows / PLAIN_WORKGROUP)),
    };
  if (kind === 'rows') {
    const params = { ...rowParams(shape, variant), EPS };
    const grid = flatGrid(Math.ceil((rows * params.LANES) / WORKGROUP));
    return { shader: 'layer-norm/rows.wgsl', params, grid };
  }
  const params = { ROWS: rows, COLS: cols, PLANE: plane, TO_ROWS: attrs.to === 'rows', EPS };
  return {
    shader: `layer-norm/${kind}.wgsl`,
    params,
    grid: flatGrid(Math.ceil(rows / POSITIONS)),
  };
}

export const layerNormKernels: Kernels<LayerNormAttrs> = {
  op: layerNorm,
  variants: (context) => variants('forward', context),
  lower({ inputs: [x, ...vectors], attrs }, variant): Lowering {
    const shape = layerNormShape('layer-norm', x, vectors, attrs);
    const bindings = {
      x: input(0),
      weight: input(1),
      bias: input(2),
      y: output(0),
      statistics: output(1),
    };
    return { scratch: [], dispatches: [{ ...forward(shape, attrs, variant), bindings }] };
  },
};

export const layerNormStatisticsKernels: Kernels<LayerNormStatisticsAttrs> = {
  op: layerNormStatistics,
  variants: (context) => variants('forward', { ...context, attrs: onMaps(context.attrs) }),
  lower({ inputs: [x], attrs }, variant): Lowering {
    const shape = layerNormShape('layer-norm-statistics', x, [], onMaps(attrs));
    const bindings = { x: input(0), statistics: output(0) };
    return { scratch: [], dispatches: [{ ...forward(shape, onMaps(attrs), variant), bindings }] };
  },
};

function onMaps({ eps }: LayerNormStatisticsAttrs): LayerNormAttrs {
  return { eps, from: 'nchw', to: 'nchw' };
}

/** What every kernel of the gradient binds for dx. */
const GRADIENT = { x: input(0), weight: input(1), statistics: input(2), dy: input(3), dx: output(0) };

export const layerNormGradientKernels: Kernels<LayerNormAttrs> = {
  op: layerNormGradient,
  variants: (context) => variants('gradient', context),
  lower({ inputs: [x, weight], attrs, accumulate }, variant): Lowering {
    const shape = layerNormShape('layer-norm-gradient', x, [weight], attrs);
    if (variant['kind'] === 'plain') return plainGradient(shape, attrs, accumulate);
    const { parts, ...kernel } =
      attrs.from === 'rows' ? rowsGradient(shape, variant) : mapsGradient(shape, attrs, variant);
    const bindings = { ...GRADIENT, weight_parts: scratch(0), bias_parts: scratch(1) };
    const sums = [1, 2].map((i) =>
      columnSumLowering(scratch(i - 1), output(i, accumulate[i]), parts, shape.cols, 2),
    );
    return {
      // Both sums run one after the other and may share what they need.
      scratch: [f32(parts, shape.cols), f32(parts, shape.cols), ...(sums[0]?.scratch ?? [])],
      dispatches: [{ ...kernel, bindings }, ...sums.flatMap(({ dispatches }) => dispatches)],
    };
  },
};

function plainParams({ rows, cols, plane }: LayerNormShape, { from, to }: LayerNormAttrs) {
  const maps = { X_MAPS: from === 'nchw', Y_MAPS: to === 'nchw' };
  return { ROWS: rows, COLS: cols, PLANE: plane, WORKGROUP: PLAIN_WORKGROUP, ...maps };
}

/** One position an invocation for dx, one channel an invocation for dweight and dbias. */
function plainGradient(
  shape: LayerNormShape,
  attrs: LayerNormAttrs,
  accumulate: readonly boolean[],
): Lowering {
  const params = plainParams(shape, attrs);
  return {
    scratch: [],
    dispatches: [
      {
        shader: 'layer-norm/plain-gradient.wgsl',
        params,
        bindings: GRADIENT,
        grid: flatGrid(Math.ceil(shape.rows / PLAIN_WORKGROUP)),
      },
      {
        shader: 'layer-norm/plain-gradient-vectors.wgsl',
        params,
        bindings: {
          x: input(0),
          statistics: input(2),
          dy: input(3),
          dweight: output(1, accumulate[1]),
          dbias: output(2, accumulate[2]),
        },
        grid: flatGrid(Math.ceil(shape.cols / PLAIN_WORKGROUP)),
      },
    ],
  };
}

type Kernel = Omit<Dispatch, 'bindings'> & { readonly parts: number };

function rowsGradient(shape: LayerNormShape, variant: Variant): Kernel {
  const params = rowParams(shape, variant);
  const turns = Math.ceil((shape.rows * params.LANES) / WORKGROUP);
  const run = Math.ceil(turns / PARTS);
  const parts = Math.ceil(turns / run);
  return {
    shader: 'layer-norm/rows-gradient.wgsl',
    params: { ...params, RUN: run, PARTS: parts },
    grid: flatGrid(parts),
    parts,
  };
}

function mapsGradient(
  { rows, cols, plane }: LayerNormShape,
  { to }: LayerNormAttrs,
  variant: Variant,
): Kernel {
  const parts = Math.ceil(rows / POSITIONS);
  return {
    shader: `layer-norm/${kindOf(variant)}-gradient.wgsl`,
    params: { ROWS: rows, COLS: cols, PLANE: plane, FROM_ROWS: to === 'rows' },
    grid: flatGrid(parts),
    parts,
  };
}

export const kernels: readonly AnyKernels[] = [
  layerNormKernels,
  layerNormStatisticsKernels,
  layerNormGradientKernels,
];
