import { type Op, memoryCost } from '../op.ts';
import { elems, expectShape, f32, like, shapeError, showShape } from '../tensor.ts';
import { layerNormGradientReference, layerNormReference, statisticsReference } from './reference.ts';
import { type LayerNormAttrs, isInQuads, layerNormShape, layoutOf } from './shape.ts';

export type { LayerNormAttrs };

const [maps, rows, vector] = [f32(2, 37, 5, 7), f32(71, 37), f32(37)];
const EPS = 1e-6;

/**
 * LayerNorm over channels at every position, with an optional change of layout.
 * (torch.nn.LayerNorm on rows, ConvNeXt's channels_first LayerNorm on maps)
 * x, weight (c), bias (c), y, statistics (2·rows): mean of each row, then 1/√(variance + eps) of each.
 */
export const layerNorm: Op<LayerNormAttrs, 'x' | 'weight' | 'bias', 'y' | 'statistics'> = {
  name: 'layer-norm',
  inputs: ['x', 'weight', 'bias'],
  outputs: ['y', 'statistics'],
  examples: [
    { inputs: { x: maps, weight: vector, bias: vector }, attrs: { eps: EPS, from: 'nchw', to: 'rows' } },
    { inputs: { x: maps, weight: vector, bias: vector }, attrs: { eps: EPS, from: 'nchw', to: 'nchw' } },
    { inputs: { x: rows, weight: vector, bias: vector }, attrs: { eps: EPS, from: 'rows', to: 'rows' } },
  ],
  infer({ x, ...vectors }, attrs) {
    const shape = layerNormShape('layer-norm', x, vectors, attrs);
    const y = attrs.from === attrs.to ? x.shape : [shape.rows, shape.cols];
    return { y: like(x, ...y), statistics: f32(2 * shape.rows) };
  },
  cost: memoryCost,
  reference(inputs, specs, attrs) {
    const shape = layerNormShape('layer-norm', specs.x, {}, attrs);
    const [from, to] = [layoutOf(attrs.from, shape), layoutOf(attrs.to, shape)];
    return layerNormReference(inputs, shape, from, to, attrs.eps);
  },
  gradient(graph, { inputs: { x, weight }, outputs: { statistics }, attrs }, { y: dy }) {
    if (dy === undefined) return {};
    const gradients = graph.apply(layerNormGradient, { x, weight, statistics, dy }, attrs);
    return { x: gradients.dx, weight: gradients.dweight, bias: gradients.dbias };
  },
};

export interface LayerNormStatisticsAttrs {
  readonly eps: number;
}

/** LayerNorm of maps that stay maps. */
export function onMaps({ eps }: LayerNormStatisticsAttrs): LayerNormAttrs {
  return { eps, from: 'nchw', to: 'nchw' };
}

/**
 * Only the statistics (2·n·h·w) of `layerNorm` on maps x (n, c, h, w), for matmuls that normalise an operand as they read it. c and h·w
 * are multiples of four.
 */
export const layerNormStatistics: Op<LayerNormStatisticsAttrs, 'x', 'statistics'> = {
  name: 'layer-norm-statistics',
  inputs: ['x'],
  outputs: ['statistics'],
  examples: [{ inputs: { x: f32(3, 44, 6, 6) }, attrs: { eps: EPS } }],
  infer({ x }, attrs) {
    if (!isInQuads(x.shape))
      throw shapeError(
        'layer-norm-statistics',
        `x is ${showShape(x.shape)}, expected (n, c, h, w) with c and h·w multiples of four`,
      );
    return { statistics: f32(2 * layerNormShape('layer-norm-statistics', x, {}, onMaps(attrs)).rows) };
  },
  cost: memoryCost,
  reference({ x }, specs, attrs) {
    const shape = layerNormShape('layer-norm-statistics', specs.x, {}, onMaps(attrs));
    return { statistics: statisticsReference(x, shape, layoutOf('nchw', shape), attrs.eps) };
  },
};

type GradientInput = 'x' | 'weight' | 'statistics' | 'dy';

/** Gradients of `layerNorm`. dy in layout `to`; dx in layout `from`, dweight (c), dbias (c). */
export const layerNormGradient: Op<LayerNormAttrs, GradientInput, 'dx' | 'dweight' | 'dbias'> = {
  name: 'layer-norm-gradient',
  inputs: ['x', 'weight', 'statistics', 'dy'],
  outputs: ['dx', 'dweight', 'dbias'],
  examples: layerNorm.examples.map(({ inputs, attrs }) => {
    const { y, statistics } = layerNorm.infer(inputs, attrs);
    return { inputs: { x: inputs.x, weight: inputs.weight, statistics, dy: y }, attrs };
  }),
  infer({ x, weight, statistics, dy }, attrs) {
    const op = 'layer-norm-gradient';
    const shape = layerNormShape(op, x, { weight }, attrs);
    expectShape(op, 'statistics', statistics, [2 * shape.rows]);
    if (elems(dy.shape) !== elems(x.shape))
      throw shapeError(op, `dy ${showShape(dy.shape)} is of another size than x ${showShape(x.shape)}`);
    return { dx: like(x, ...x.shape), dweight: f32(shape.cols), dbias: f32(shape.cols) };
  },
  cost: memoryCost,
  accumulates: ['dweight', 'dbias'],
  reference(inputs, specs, attrs) {
    const shape = layerNormShape('layer-norm-gradient', specs.x, {}, attrs);
    return layerNormGradientReference(inputs, shape, layoutOf(attrs.from, shape), layoutOf(attrs.to, shape));
  },
};
