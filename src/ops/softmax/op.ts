import { sameSize } from '../elementwise.ts';
import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, f32 } from '../tensor.ts';
import { softmaxGradientReference, softmaxReference } from './reference.ts';

/** Columns of rows: the last extent. */
export function colsOf({ shape }: TensorSpec): number {
  return shape.at(-1) ?? 1;
}

/** y = softmax of each row of x, along its last dimension. (torch.nn.functional.softmax, dim −1) */
export const softmax: Op<None, 'x', 'y'> = {
  name: 'softmax',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(5, 37) }, attrs: {} }],
  infer: ({ x }) => ({ y: x }),
  cost: memoryCost,
  reference: ({ x }, specs) => ({ y: softmaxReference(colsOf(specs.x), x) }),
  gradient: (graph, { outputs: { y } }, { y: dy }) => ({
    x: dy && graph.one(softmaxGradient, { y, dy }, {}),
  }),
};

/** dx = y (dy − Σ dy y) of each row; x itself need not be kept. */
export const softmaxGradient: Op<None, 'y' | 'dy', 'dx'> = {
  name: 'softmax-gradient',
  inputs: ['y', 'dy'],
  outputs: ['dx'],
  examples: [{ inputs: { y: f32(5, 37), dy: f32(5, 37) }, attrs: {} }],
  infer: ({ y, dy }) => {
    sameSize('softmax-gradient', { y, dy });
    return { dx: y };
  },
  cost: memoryCost,
  reference: ({ y, dy }, specs) => ({ dx: softmaxGradientReference(colsOf(specs.y), y, dy) }),
};
