import { elementwise, flatLowering, sameShape } from './elementwise.ts';
import { f32, input, type Op } from './op.ts';
import type { Tensor } from '../graph/graph.ts';

type None = Readonly<Record<string, never>>;

/** y = max(x, 0), elementwise. (torch.nn.ReLU) */
export const relu: Op<None> = {
  ...elementwise,
  name: 'relu',
  examples: [{ inputs: [f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('relu', inputs, 1),
  lower: ({ outputs }) => flatLowering('relu/forward.wgsl', outputs[0], [input(0)]),
  reference: ([x]) => [(x as Float64Array).map((value) => (value < 0 ? 0 : value))],
  gradient: (graph, node, [dy]) => [dy && graph.one(reluGradient, [node.outputs[0] as Tensor, dy], {})],
};

/** dx = dy where y > 0, else 0. Inputs: y, dy; x itself need not be kept. */
export const reluGradient: Op<None> = {
  ...elementwise,
  name: 'relu-gradient',
  examples: [{ inputs: [f32(3, 257), f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('relu-gradient', inputs, 2),
  lower: ({ outputs }) => flatLowering('relu/gradient.wgsl', outputs[0], [input(0), input(1)]),
  reference: ([y, dy]) => [
    (dy as Float64Array).map((value, i) => (((y as Float64Array)[i] as number) > 0 ? value : 0)),
  ],
};
