import { sameSize } from '../elementwise.ts';
import { memoryCost, type None, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';
import { reluGradientReference, reluReference } from './reference.ts';

/** y = max(x, 0), elementwise. (torch.nn.ReLU) */
export const relu: Op<None, 'x', 'y'> = {
  name: 'relu',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(3, 257) }, attrs: {} }],
  infer: ({ x }) => ({ y: x }),
  cost: memoryCost,
  reference: ({ x }) => ({ y: reluReference(x) }),
  gradient: (graph, { outputs: { y } }, { y: dy }) => ({ x: dy && graph.one(reluGradient, { y, dy }, {}) }),
};

/** dx = dy where y > 0, else 0; x itself need not be kept. */
export const reluGradient: Op<None, 'y' | 'dy', 'dx'> = {
  name: 'relu-gradient',
  inputs: ['y', 'dy'],
  outputs: ['dx'],
  examples: [{ inputs: { y: f32(3, 257), dy: f32(3, 257) }, attrs: {} }],
  infer: ({ y, dy }) => {
    sameSize('relu-gradient', { y, dy });
    return { dx: y };
  },
  cost: memoryCost,
  reference: ({ y, dy }) => ({ dx: reluGradientReference(y, dy) }),
};
