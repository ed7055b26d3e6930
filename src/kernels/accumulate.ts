import { elementwise, flatLowering, sameShape } from './elementwise.ts';
import { f32, input, type Op } from './op.ts';

/** out = x, or out += x where the graph says so: carries a gradient into a parameter's accumulated gradient. */
export const accumulate: Op<Readonly<Record<string, never>>> = {
  ...elementwise,
  name: 'accumulate',
  examples: [{ inputs: [f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('accumulate', inputs, 1),
  accumulates: [0],
  lower: ({ outputs, accumulate }) =>
    flatLowering('add/accumulate.wgsl', outputs[0], [input(0)], {
      ACCUMULATE: accumulate[0] === true ? 1 : 0,
    }),
  reference: ([x]) => [(x as Float64Array).slice()],
};
