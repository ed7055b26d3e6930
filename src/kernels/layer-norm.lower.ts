import { layerNormShape, type LayerNormAttrs, type LayerNormShape } from './layer-norm.shape.ts';
import { flatGrid, input, output, type Op } from './op.ts';

const WORKGROUP = 64;

function sizes({ rows, cols, plane }: LayerNormShape, { from, to }: LayerNormAttrs) {
  return {
    ROWS: rows,
    COLS: cols,
    PLANE: plane,
    X_MAPS: from === 'nchw' ? 1 : 0,
    Y_MAPS: to === 'nchw' ? 1 : 0,
    WORKGROUP,
  };
}

export const layerNormLowering: Pick<Op<LayerNormAttrs>, 'variants' | 'lower'> = {
  variants: () => [{ kind: 'plain' }],
  lower({ inputs: [x, ...vectors], attrs }) {
    const shape = layerNormShape('layer-norm', x, vectors, attrs);
    return {
      scratch: [],
      dispatches: [
        {
          shader: 'layer-norm/forward.wgsl',
          params: { ...sizes(shape, attrs), EPS: String(attrs.eps) },
          bindings: [input(0), input(1), input(2), output(0), output(1), output(2)],
          grid: flatGrid(Math.ceil(shape.rows / WORKGROUP)),
        },
      ],
    };
  },
};

export const layerNormGradientLowering: Pick<Op<LayerNormAttrs>, 'variants' | 'lower'> = {
  variants: () => [{ kind: 'plain' }],
  lower({ inputs: [x, weight], attrs, accumulate }) {
    const shape = layerNormShape('layer-norm-gradient', x, [weight], attrs);
    return {
      scratch: [],
      dispatches: [
        {
          shader: 'layer-norm/gradient.wgsl',
          params: sizes(shape, attrs),
          bindings: [input(0), input(1), input(2), input(3), input(4), output(0)],
          grid: flatGrid(Math.ceil(shape.rows / WORKGROUP)),
        },
        {
          shader: 'layer-norm/gradient-vectors.wgsl',
          params: {
            ...sizes(shape, attrs),
            ADD_WEIGHT: accumulate[1] === true ? 1 : 0,
            ADD_BIAS: accumulate[2] === true ? 1 : 0,
          },
          bindings: [input(0), input(2), input(3), input(4), output(1), output(2)],
          grid: flatGrid(Math.ceil(shape.cols / WORKGROUP)),
        },
      ],
    };
  },
};
