import { defined } from '../../util/errors.ts';
import { type Op, memoryCost } from '../op.ts';
import { elems, f32, like, shapeError, showShape } from '../tensor.ts';
import { layerNormGradientReference, layerNormReference } from './reference.ts';
import { type LayerNormAttrs, isInQuads, layerNormShape, layoutOf } from './shape.ts';

export type { LayerNormAttrs };

/**
 * LayerNorm over channels at every position, with an optional change of layout on the way.
 * (torch.nn.LayerNorm on rows, ConvNeXt's channels_first LayerNorm on maps)
 * Inputs: x, weight (c), bias (c). Outputs: y, statistics (2·rows): mean of each row, then 1/√(variance + eps) of each.
 */
export const layerNorm: Op<LayerNormAttrs> = {
  name: 'layer-norm',
  examples: [
    { inputs: [f32(2, 37, 5, 7), f32(37), f32(37)], attrs: { eps: 1e-6, from: 'nchw', to: 'rows' } },
    { inputs: [f32(2, 37, 5, 7), f32(37), f32(37)], attrs: { eps: 1e-6, from: 'nchw', to: 'nchw' } },
    { inputs: [f32(71, 37), f32(37), f32(37)], attrs: { eps: 1e-6, from: 'rows', to: 'rows' } },
  ],
  infer([x, weight, bias], attrs) {
    const { rows, cols } = layerNormShape('layer-norm', x, [weight, bias], attrs);
    const shape = x?.shape ?? [];
    return [like(x, ...(attrs.from === attrs.to ? shape : [rows, cols])), f32(2 * rows)];
  },
  cost: memoryCost,
  reference([x, weight, bias], [spec, ...vectors], attrs) {
    const shape = layerNormShape('layer-norm', spec, vectors, attrs);
    return layerNormReference(
      [x as Float64Array, weight as Float64Array, bias as Float64Array],
      shape,
      layoutOf(attrs.from, shape),
      layoutOf(attrs.to, shape),
      attrs.eps,
    );
  },
  gradient(graph, { inputs, outputs, attrs }, [dy]) {
    if (dy === undefined) return [];
    const [x, weight] = inputs;
    const saved = [x, weight, outputs[1]].map((tensor) => defined(tensor, 'layer-norm tensor'));
    return graph.apply(layerNormGradient, [...saved, dy], attrs);
  },
};

export interface LayerNormStatisticsAttrs {
  readonly eps: number;
}

/**
 * The statistics of `layerNorm` on maps alone, for products that normalise an operand as they read it.
 * Inputs: x (n, c, h, w); four divides c and h·w. Output: statistics (2·n·h·w) as `layerNorm`'s.
 */
export const layerNormStatistics: Op<LayerNormStatisticsAttrs> = {
  name: 'layer-norm-statistics',
  examples: [{ inputs: [f32(3, 44, 6, 6)], attrs: { eps: 1e-6 } }],
  infer([x]) {
    if (x === undefined || !isInQuads(x.shape))
      throw shapeError(
        'layer-norm-statistics',
        `x is ${showShape(x?.shape ?? [])}, expected (n, c, h, w) with c and h·w multiples of four`,
      );
    return [f32((2 * elems(x.shape)) / (x.shape[1] as number))];
  },
  cost: memoryCost,
  reference([x], [spec], { eps }) {
    const maps = defined(spec, 'x');
    const unit = new Float64Array(maps.shape[1] as number).fill(1);
    const attrs = { eps, from: 'nchw', to: 'nchw' } as const;
    const shape = layerNormShape('layer-norm-statistics', maps, [], attrs);
    const at = layoutOf('nchw', shape);
    return layerNormReference([x as Float64Array, unit, unit], shape, at, at, eps).slice(1);
  },
};

/**
 * Gradients of `layerNorm`. Inputs: x, weight (c), statistics (2·rows), dy in layout `to`. Outputs: dx in layout `from`,
 * dweight (c), dbias (c).
 */
export const layerNormGradient: Op<LayerNormAttrs> = {
  name: 'layer-norm-gradient',
  examples: layerNorm.examples.map(({ inputs, attrs }) => {
    const [y, statistics] = layerNorm.infer(inputs, attrs);
    return { inputs: [...inputs.slice(0, 2), statistics, y].map((spec) => defined(spec, 'spec')), attrs };
  }),
  infer([x, weight, statistics, dy], attrs) {
    const { rows, cols } = layerNormShape('layer-norm-gradient', x, [weight], attrs);
    if (elems(statistics?.shape ?? []) !== 2 * rows || elems(dy?.shape ?? []) !== rows * cols)
      throw shapeError(
        'layer-norm-gradient',
        `statistics and dy must be (${2 * rows}) and ${rows * cols} elements, got ${[statistics, dy].map((spec) => showShape(spec?.shape ?? [])).join(', ')}`,
      );
    return [like(x, ...(x?.shape ?? [])), f32(cols), f32(cols)];
  },
  cost: memoryCost,
  accumulates: [1, 2],
  reference([x, weight, statistics, dy], [spec, vector], attrs) {
    const shape = layerNormShape('layer-norm-gradient', spec, [vector], attrs);
    return layerNormGradientReference(
      [x as Float64Array, weight as Float64Array, statistics as Float64Array, dy as Float64Array],
      shape,
      layoutOf(attrs.from, shape),
      layoutOf(attrs.to, shape),
    );
  },
};
