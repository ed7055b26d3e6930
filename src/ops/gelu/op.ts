import { sameSize } from '../elementwise.ts';
import { memoryCost, type None, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';
import { geluGradientReference, geluReference } from './reference.ts';

/** Exact GELU, elementwise: y = x Φ(x). (torch.nn.GELU) */
export const gelu: Op<None, 'x', 'y'> = {
  name: 'gelu',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(3, 257) }, attrs: {} }],
  infer: ({ x }) => ({ y: x }),
  cost: memoryCost,
  reference: ({ x }) => ({ y: geluReference(x) }),
  gradient: (graph, { inputs: { x } }, { y: dy }) => ({ x: dy && graph.one(geluGradient, { x, dy }, {}) }),
};

/** dx = dy (Φ(x) + x φ(x)). */
export const geluGradient: Op<None, 'x' | 'dy', 'dx'> = {
  name: 'gelu-gradient',
  inputs: ['x', 'dy'],
  outputs: ['dx'],
  examples: [{ inputs: { x: f32(3, 257), dy: f32(3, 257) }, attrs: {} }],
  infer: ({ x, dy }) => {
    sameSize('gelu-gradient', { x, dy });
    return { dx: x };
  },
  cost: memoryCost,
  reference: ({ x, dy }) => ({ dx: geluGradientReference(x, dy) }),
};
