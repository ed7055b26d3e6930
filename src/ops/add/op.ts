import { sameShape } from '../elementwise.ts';
import { memoryCost, type None, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';

/** y = a + b, elementwise. */
export const add: Op<None> = {
  name: 'add',
  examples: [{ inputs: [f32(3, 257), f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('add', inputs, 2),
  cost: memoryCost,
  reference: ([a, b]) => [(a as Float64Array).map((value, i) => value + ((b as Float64Array)[i] as number))],
  gradient: (_graph, _node, [dy]) => [dy, dy],
};
