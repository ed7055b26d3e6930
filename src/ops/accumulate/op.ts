import { memoryCost, type None, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';
import { accumulateReference } from './reference.ts';

/** out = x, or out += x where the graph accumulates. It adds a gradient to a parameter's accumulated gradient. */
export const accumulate: Op<None, 'x', 'out'> = {
  name: 'accumulate',
  inputs: ['x'],
  outputs: ['out'],
  examples: [
    { inputs: { x: f32(3, 257) }, attrs: {} },
    { inputs: { x: f32(2, 258) }, attrs: {} },
  ],
  infer: ({ x }) => ({ out: x }),
  cost: memoryCost,
  accumulates: ['out'],
  reference: ({ x }) => ({ out: accumulateReference(x) }),
};
