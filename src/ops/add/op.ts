import { sameSize } from '../elementwise.ts';
import { memoryCost, type None, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';
import { addReference } from './reference.ts';

/** y = a + b, elementwise. */
export const add: Op<None, 'a' | 'b', 'y'> = {
  name: 'add',
  inputs: ['a', 'b'],
  outputs: ['y'],
  examples: [{ inputs: { a: f32(3, 257), b: f32(3, 257) }, attrs: {} }],
  infer: ({ a, b }) => {
    sameSize('add', { a, b });
    return { y: a };
  },
  cost: memoryCost,
  reference: ({ a, b }) => ({ y: addReference(a, b) }),
  gradient: (_graph, _node, { y: dy }) => ({ a: dy, b: dy }),
};
