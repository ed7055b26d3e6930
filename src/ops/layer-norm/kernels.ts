import type { DeviceProfile } from '../../device/profile.ts';
import { sumColumns } from '../column-sum/kernels.ts';
import { flatGrid } from '../dispatches.ts';
import { type ContextOf, type Dispatch, type Kernels, type Operand, scratch } from '../kernels.ts';
import { type TensorSpec, f32 } from '../tensor.ts';
import { layerNorm, layerNormGradient, layerNormStatistics, onMaps } from './op.ts';
import { type LayerNormAttrs, type LayerNormShape, isInQuads, layerNormShape } from './shape.ts';

const WORKGROUP = 64;
/** Positions per workgroup of the maps kernels. */
const POSITIONS = 32;
/** The most vectors of a row that one lane holds in registers. */
const MOST_ITEMS = 6;
/** Workgroups of the rows gradient: each leaves one part of dweight and dbias. */
const PARTS = 256;

/** Lanes that share a row; with `shuffle` they exchange sums within a subgroup. */
type Rows = { readonly kind: 'rows'; readonly lanes: number; readonly shuffle?: true };
/** Maps in tiles, by elements or in blocks of 4×4. */
type Maps = { readonly kind: 'maps' | 'quads' };
/** One position per invocation. */
type Processor = { readonly kind: 'processor' };
type LayerNormVariant = Rows | Maps | Processor;

/**
 * Rows: if a row fits into the registers of four lanes of a subgroup, they exchange sums without a barrier; otherwise the fewest lanes
 * that can hold it share sums through workgroup memory. Maps: 4×4 blocks where both sizes are multiples of four. Where a barrier
 * switches between invocations, no invocation waits for another.
 */
function variants(
  pass: 'forward' | 'gradient',
  { shape }: TensorSpec,
  { from }: LayerNormAttrs,
  { features, barrier }: DeviceProfile,
): readonly LayerNormVariant[] {
  const items = itemsOf(shape.at(-1) ?? 1);
  const shuffled: readonly Rows[] =
    from === 'rows' && features.has('subgroups') && items <= 4 * MOST_ITEMS
      ? [{ kind: 'rows', lanes: 4, shuffle: true }]
      : [];
  if (barrier === 'switch') return [...(pass === 'forward' ? shuffled : []), { kind: 'processor' }];
  if (from === 'nchw') return [{ kind: isInQuads(shape) ? 'quads' : 'maps' }];
  const lanes = [8, 16, 32, 64].find((count) => Math.ceil(items / count) <= MOST_ITEMS) ?? 64;
  return [...shuffled, { kind: 'rows', lanes }];
}

/** vec4 or elements of a row. */
function itemsOf(cols: number): number {
  return cols % 4 === 0 ? cols / 4 : cols;
}

function rowParams({ rows, cols }: LayerNormShape, { lanes, shuffle }: Rows) {
  const items = Math.ceil(itemsOf(cols) / lanes);
  return { ROWS: rows, COLS: cols, LANES: lanes, ITEMS: items, SHUFFLE: shuffle === true };
}

function processorParams({ rows, cols, plane }: LayerNormShape, { from, to }: LayerNormAttrs) {
  const maps = { X_MAPS: from === 'nchw', Y_MAPS: to === 'nchw' };
  return { ROWS: rows, COLS: cols, PLANE: plane, WORKGROUP, ...maps };
}

/** Maps x, read four positions at a time, to rows y, normalised by given statistics. */
export function normalizeRows(
  bindings: Readonly<Record<'x' | 'statistics' | 'weight' | 'bias' | 'y', Operand>>,
  { rows, cols, plane }: LayerNormShape,
): Dispatch {
  return {
    shader: 'layer-norm/apply.wgsl',
    params: { ROWS: rows, COLS: cols, PLANE: plane, WORKGROUP },
    bindings,
    grid: flatGrid(Math.ceil((rows * cols) / 16 / WORKGROUP)),
  };
}

function forward(
  shape: LayerNormShape,
  attrs: LayerNormAttrs,
  variant: LayerNormVariant,
  bindings: Dispatch['bindings'],
): readonly Dispatch[] {
  const { rows, cols, plane } = shape;
  const EPS = attrs.eps;
  switch (variant.kind) {
    case 'processor': {
      const params = { ...processorParams(shape, attrs), EPS };
      const grid = flatGrid(Math.ceil(rows / WORKGROUP));
      return [{ shader: 'layer-norm/processor-forward.wgsl', params, bindings, grid }];
    }
    case 'rows': {
      const params = { ...rowParams(shape, variant), EPS };
      const grid = flatGrid(Math.ceil((rows * params.LANES) / WORKGROUP));
      return [{ shader: 'layer-norm/rows.wgsl', params, bindings, grid }];
    }
    case 'maps':
    case 'quads': {
      const params = { ROWS: rows, COLS: cols, PLANE: plane, TO_ROWS: attrs.to === 'rows', EPS };
      const grid = flatGrid(Math.ceil(rows / POSITIONS));
      return [{ shader: `layer-norm/${variant.kind}.wgsl`, params, bindings, grid }];
    }
  }
}

export const layerNormKernels: Kernels<typeof layerNorm, LayerNormVariant> = {
  op: layerNorm,
  variants: ({ inputs, attrs, profile }) => variants('forward', inputs.x, attrs, profile),
  lower({ inputs, outputs, attrs }, variant) {
    const shape = layerNormShape('layer-norm', inputs.x, {}, attrs);
    return forward(shape, attrs, variant, { ...inputs, ...outputs });
  },
};

export const layerNormStatisticsKernels: Kernels<typeof layerNormStatistics, LayerNormVariant> = {
  op: layerNormStatistics,
  variants: ({ inputs, attrs, profile }) => variants('forward', inputs.x, onMaps(attrs), profile),
  lower({ inputs, outputs, attrs }, variant) {
    const shape = layerNormShape('layer-norm-statistics', inputs.x, {}, onMaps(attrs));
    return forward(shape, onMaps(attrs), variant, { ...inputs, ...outputs });
  },
};

type Gradient = ContextOf<typeof layerNormGradient>;

export const layerNormGradientKernels: Kernels<typeof layerNormGradient, LayerNormVariant> = {
  op: layerNormGradient,
  variants: ({ inputs, attrs, profile }) => variants('gradient', inputs.x, attrs, profile),
  lower(context, variant) {
    const { inputs, outputs, attrs, profile } = context;
    const shape = layerNormShape('layer-norm-gradient', inputs.x, {}, attrs);
    if (variant.kind === 'processor') return processorGradient(context, shape);
    const { parts, ...kernel } =
      variant.kind === 'rows' ? rowsGradient(shape, variant) : mapsGradient(shape, attrs, variant, profile);
    const weightParts = scratch(f32(parts, shape.cols));
    const biasParts = scratch(f32(parts, shape.cols));
    const { dx, dweight, dbias } = outputs;
    return [
      { ...kernel, bindings: { ...inputs, dx, weight_parts: weightParts, bias_parts: biasParts } },
      ...sumColumns(weightParts, dweight, profile),
      ...sumColumns(biasParts, dbias, profile),
    ];
  },
};

/** One position per invocation for dx, one channel per invocation for dweight and dbias. */
function processorGradient({ inputs, outputs, attrs }: Gradient, shape: LayerNormShape): readonly Dispatch[] {
  const params = processorParams(shape, attrs);
  const { x, statistics, dy } = inputs;
  const { dx, dweight, dbias } = outputs;
  return [
    {
      shader: 'layer-norm/processor-gradient.wgsl',
      params,
      bindings: { ...inputs, dx },
      grid: flatGrid(Math.ceil(shape.rows / WORKGROUP)),
    },
    {
      shader: 'layer-norm/processor-gradient-vectors.wgsl',
      params,
      bindings: { x, statistics, dy, dweight, dbias },
      grid: flatGrid(Math.ceil(shape.cols / WORKGROUP)),
    },
  ];
}

type Kernel = Omit<Dispatch, 'bindings'> & { readonly parts: number };

function rowsGradient(shape: LayerNormShape, variant: Rows): Kernel {
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
  { kind }: Maps,
  { machine }: DeviceProfile,
): Kernel {
  const parts = Math.ceil(rows / POSITIONS);
  // A few thousand positions fill a GPU only if the channels of each are shared among lanes too.
  const lanes = machine === 'gpu' && cols >= 128 ? 32 : 8;
  return {
    shader: `layer-norm/${kind}-gradient.wgsl`,
    params: {
      ROWS: rows,
      COLS: cols,
      PLANE: plane,
      FROM_ROWS: to === 'rows',
      ...(kind === 'quads' ? { LANES_C: lanes } : {}),
    },
    grid: flatGrid(parts),
    parts,
  };
}

export const kernels = [layerNormKernels, layerNormStatisticsKernels, layerNormGradientKernels];
