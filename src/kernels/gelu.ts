import { elementwise, flatLowering, sameShape } from './elementwise.ts';
import { geluGradientReference, geluReference } from './gelu.reference.ts';
import { f32, input, type Op } from './op.ts';
import type { Tensor } from '../graph/graph.ts';

type None = Readonly<Record<string, never>>;

/** Exact GELU, elementwise: y = x Φ(x). (torch.nn.GELU) */
export const gelu: Op<None> = {
  ...elementwise,
  name: 'gelu',
  examples: [{ inputs: [f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('gelu', inputs, 1),
  lower: ({ outputs }) => flatLowering('gelu/forward.wgsl', outputs[0], [input(0)]),
  reference: ([x]) => [geluReference(x as Float64Array)],
  gradient: (graph, node, [dy]) => [dy && graph.one(geluGradient, [node.inputs[0] as Tensor, dy], {})],
};

/** dx = dy (Φ(x) + x φ(x)). Inputs: x, dy. */
export const geluGradient: Op<None> = {
  ...elementwise,
  name: 'gelu-gradient',
  examples: [{ inputs: [f32(3, 257), f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('gelu-gradient', inputs, 2),
  lower: ({ outputs }) => flatLowering('gelu/gradient.wgsl', outputs[0], [input(0), input(1)]),
  reference: ([x, dy]) => [geluGradientReference(x as Float64Array, dy as Float64Array)],
};
