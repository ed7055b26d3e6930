import type { Graph, Node, Tensor } from '../graph/graph.ts';
import { elementwise, flatLowering, sameShape } from './elementwise.ts';
import { f32, input, type Op } from './op.ts';

/** y = a + b, elementwise. */
export const add: Op<Readonly<Record<string, never>>> = {
  ...elementwise,
  name: 'add',
  examples: [{ inputs: [f32(3, 257), f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('add', inputs, 2),
  lower: ({ outputs }) => flatLowering('add/add.wgsl', outputs[0], [input(0), input(1)]),
  reference: ([a, b]) => [(a as Float64Array).map((value, i) => value + ((b as Float64Array)[i] as number))],
  gradient: (_graph: Graph, _node: Node, [dy]: readonly (Tensor | undefined)[]) => [dy, dy],
};
