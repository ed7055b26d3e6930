import { sameShape } from '../elementwise.ts';
import { memoryCost, type None, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';

/** out = x, or out += x where the graph says so: carries a gradient into a parameter's accumulated gradient. */
export const accumulate: Op<None> = {
  name: 'accumulate',
  examples: [{ inputs: [f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('accumulate', inputs, 1),
  cost: memoryCost,
  accumulates: [0],
  reference: ([x]) => [(x as Float64Array).slice()],
};
