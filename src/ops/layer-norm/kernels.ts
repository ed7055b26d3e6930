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
import { f32Literal } from '../literal.ts';
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
 * both sizes. SwiftShader switches between the invocations of a workgroup at each barrier, which costs more than all else:
 * there, none waits for another.
 */
function variants(
  pass: 'forward' | 'gradient',
  { attrs: { from }, inputs: [x], features }: LowerContext<LayerNormAttrs>,
): readonly Variant[] {
  const items = itemsOf(x?.shape.at(-1) ?? 1);
  const shuffled: readonly Variant[] =
    from === 'rows' && features.has('subgroups') && items <= 4 * MOST_ITEMS
      ? [{ kind: 'rows', lanes: 4, shuffle: true }]
      : [];
  if (features.has('swiftshader')) return [...(pass === 'forward' ? shuffled : []), { kind: 'plain' }];
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
  return { ROWS: rows, COLS: cols, LANES: lanes, ITEMS: items, SHUFFLE: Number(variant['shuffle'] === true) };
}

/** Maps in quads to rows, normalised by statistics that are given. @param bindings maps, statistics, weight, bias, rows */
export function normalizeRows(bindings: readonly Slot[], { rows, cols, plane }: LayerNormShape): Dispatch {
  return {
    shader: 'layer-norm/apply.wgsl',
    params: { ROWS: rows, COLS: cols, PLANE: plane, WORKGROUP: PLAIN_WORKGROUP },
    bindings,
    grid: flatGrid(Math.ceil((rows * cols) / 16 / PLAIN_WORKGROUP)),
  };
}

const saved = [input(0), input(1), input(2)];

/** @param write y is written, else only the statistics */
function forward(
  shape: LayerNormShape,
  attrs: LayerNormAttrs,
  variant: Variant,
  write: boolean,
): Omit<Dispatch, 'bindings'> {
  const { rows, cols, plane } = shape;
  const EPS = f32Literal(attrs.eps);
  const kind = String(variant['kind']);
  if (kind === 'plain')
    return {
      shader: 'layer-norm/plain-forward.wgsl',
      params: { ...plainParams(shape, attrs), EPS, WRITE: Number(write) },
      grid: flatGrid(Math.ceil(rows / PLAIN_WORKGROUP)),
    };
  if (kind === 'rows') {
    const params = { ...rowParams(shape, variant), EPS };
    const grid = flatGrid(Math.ceil((rows * params.LANES) / WORKGROUP));
    return { shader: 'layer-norm/rows.wgsl', params, grid };
  }
  const params = { ROWS: rows, COLS: cols, PLANE: plane, TO_ROWS: Number(attrs.to === 'rows'), EPS };
  return {
    shader: `layer-norm/${kind}.wgsl`,
    params: kind === 'quads' ? { ...params, WRITE: Number(write) } : params,
    grid: flatGrid(Math.ceil(rows / POSITIONS)),
  };
}

export const layerNormKernels: Kernels<LayerNormAttrs> = {
  op: layerNorm,
  variants: (context) => variants('forward', context),
  lower({ inputs: [x, ...vectors], attrs }, variant): Lowering {
    const shape = layerNormShape('layer-norm', x, vectors, attrs);
    const bindings = [...saved, output(0), output(1)];
    return { scratch: [], dispatches: [{ ...forward(shape, attrs, variant, true), bindings }] };
  },
};

export const layerNormStatisticsKernels: Kernels<LayerNormStatisticsAttrs> = {
  op: layerNormStatistics,
  variants: (context) => variants('forward', { ...context, attrs: onMaps(context.attrs) }),
  lower({ inputs: [x], attrs }, variant): Lowering {
    const shape = layerNormShape('layer-norm-statistics', x, [], onMaps(attrs));
    const bindings = [input(0), output(0)];
    return { scratch: [], dispatches: [{ ...forward(shape, onMaps(attrs), variant, false), bindings }] };
  },
};

function onMaps({ eps }: LayerNormStatisticsAttrs): LayerNormAttrs {
  return { eps, from: 'nchw', to: 'nchw' };
}

export const layerNormGradientKernels: Kernels<LayerNormAttrs> = {
  op: layerNormGradient,
  variants: (context) => variants('gradient', context),
  lower({ inputs: [x, weight], attrs, accumulate }, variant): Lowering {
    const shape = layerNormShape('layer-norm-gradient', x, [weight], attrs);
    if (variant['kind'] === 'plain') return plainGradient(shape, attrs, accumulate);
    const { parts, ...kernel } =
      attrs.from === 'rows' ? rowsGradient(shape, variant) : mapsGradient(shape, attrs, variant);
    const bindings = [...saved, input(3), output(0), scratch(0), scratch(1)];
    const sums = [1, 2].map((i) =>
      columnSumLowering(scratch(i - 1), output(i), parts, shape.cols, accumulate[i] === true, 2),
    );
    return {
      // Both sums run one after the other and may share what they need.
      scratch: [f32(parts, shape.cols), f32(parts, shape.cols), ...(sums[0]?.scratch ?? [])],
      dispatches: [{ ...kernel, bindings }, ...sums.flatMap(({ dispatches }) => dispatches)],
    };
  },
};

function plainParams({ rows, cols, plane }: LayerNormShape, { from, to }: LayerNormAttrs) {
  const maps = { X_MAPS: Number(from === 'nchw'), Y_MAPS: Number(to === 'nchw') };
  return { ROWS: rows, COLS: cols, PLANE: plane, WORKGROUP: PLAIN_WORKGROUP, ...maps };
}

/** One position an invocation for dx, one channel an invocation for dweight and dbias. */
function plainGradient(
  shape: LayerNormShape,
  attrs: LayerNormAttrs,
  accumulate: readonly boolean[],
): Lowering {
  const params = plainParams(shape, attrs);
  const adding = { ADD_WEIGHT: Number(accumulate[1] === true), ADD_BIAS: Number(accumulate[2] === true) };
  return {
    scratch: [],
    dispatches: [
      {
        shader: 'layer-norm/plain-gradient.wgsl',
        params,
        bindings: [...saved, input(3), output(0)],
        grid: flatGrid(Math.ceil(shape.rows / PLAIN_WORKGROUP)),
      },
      {
        shader: 'layer-norm/plain-gradient-vectors.wgsl',
        params: { ...params, ...adding },
        bindings: [input(0), input(2), input(3), output(1), output(2)],
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
    params: { ROWS: rows, COLS: cols, PLANE: plane, FROM_ROWS: Number(to === 'rows') },
    grid: flatGrid(parts),
    parts,
  };
}

export const kernels: readonly AnyKernels[] = [
  layerNormKernels,
  layerNormStatisticsKernels,
  layerNormGradientKernels,
];
