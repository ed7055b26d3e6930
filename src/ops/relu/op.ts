import type { Tensor } from '../tensor.ts';
import { sameShape } from '../elementwise.ts';
import { memoryCost, type None, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';

/** y = max(x, 0), elementwise. (torch.nn.ReLU) */
export const relu: Op<None> = {
  name: 'relu',
  examples: [{ inputs: [f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('relu', inputs, 1),
  cost: memoryCost,
  reference: ([x]) => [(x as Float64Array).map((value) => (value < 0 ? 0 : value))],
  gradient: (graph, node, [dy]) => [dy && graph.one(reluGradient, [node.outputs[0] as Tensor, dy], {})],
};

/** dx = dy where y > 0, else 0. Inputs: y, dy; x itself need not be kept. */
export const reluGradient: Op<None> = {
  name: 'relu-gradient',
  examples: [{ inputs: [f32(3, 257), f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('relu-gradient', inputs, 2),
  cost: memoryCost,
  reference: ([y, dy]) => [
    (dy as Float64Array).map((value, i) => (((y as Float64Array)[i] as number) > 0 ? value : 0)),
  ],
};
