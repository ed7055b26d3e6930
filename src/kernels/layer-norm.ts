import { layerNormGradientReference, layerNormReference } from './layer-norm.reference.ts';
import { layerNormShape, layoutOf, type LayerNormAttrs } from './layer-norm.shape.ts';
import { layerNormGradientLowering, layerNormLowering } from './layer-norm.lower.ts';
import { elems, f32, like, memoryCost, shapeError, showShape, type Op } from './op.ts';
import { defined } from '../util/errors.ts';

export type { LayerNormAttrs };

/**
 * LayerNorm over channels at every position, with an optional change of layout on the way.
 * (torch.nn.LayerNorm on rows, ConvNeXt's channels_first LayerNorm on maps)
 * Inputs: x, weight (c), bias (c). Outputs: y, mean (rows), rstd (rows).
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
    return [like(x, ...(attrs.from === attrs.to ? shape : [rows, cols])), f32(rows), f32(rows)];
  },
  cost: memoryCost,
  ...layerNormLowering,
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
    const [, mean, rstd] = outputs;
    const saved = [x, weight, mean, rstd].map((tensor) => defined(tensor, 'layer-norm tensor'));
    return graph.apply(layerNormGradient, [...saved, dy], attrs);
  },
};

/** Inputs: x, weight (c), mean (rows), rstd (rows), dy in layout `to`. Outputs: dx in layout `from`, dweight (c), dbias (c). */
export const layerNormGradient: Op<LayerNormAttrs> = {
  name: 'layer-norm-gradient',
  examples: layerNorm.examples.map(({ inputs, attrs }) => {
    const [y, mean, rstd] = layerNorm.infer(inputs, attrs);
    return { inputs: [...inputs.slice(0, 2), mean, rstd, y].map((spec) => defined(spec, 'spec')), attrs };
  }),
  infer([x, weight, mean, rstd, dy], attrs) {
    const { rows, cols } = layerNormShape('layer-norm-gradient', x, [weight], attrs);
    if (
      [mean, rstd].some((spec) => elems(spec?.shape ?? []) !== rows) ||
      elems(dy?.shape ?? []) !== rows * cols
    )
      throw shapeError(
        'layer-norm-gradient',
        `mean, rstd and dy must be (${rows}), (${rows}) and ${rows * cols} elements, got ${[mean, rstd, dy].map((spec) => showShape(spec?.shape ?? [])).join(', ')}`,
      );
    return [like(x, ...(x?.shape ?? [])), f32(cols), f32(cols)];
  },
  cost: memoryCost,
  accumulates: [1, 2],
  ...layerNormGradientLowering,
  reference([x, weight, mean, rstd, dy], [spec, vector], attrs) {
    const shape = layerNormShape('layer-norm-gradient', spec, [vector], attrs);
    return layerNormGradientReference(
      [
        x as Float64Array,
        weight as Float64Array,
        mean as Float64Array,
        rstd as Float64Array,
        dy as Float64Array,
      ],
      shape,
      layoutOf(attrs.from, shape),
      layoutOf(attrs.to, shape),
    );
  },
};
