import type { Tensor } from '../tensor.ts';
import { sameShape } from '../elementwise.ts';
import { memoryCost, type None, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';
import { geluGradientReference, geluReference } from './reference.ts';

/** Exact GELU, elementwise: y = x Φ(x). (torch.nn.GELU) */
export const gelu: Op<None> = {
  name: 'gelu',
  examples: [{ inputs: [f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('gelu', inputs, 1),
  cost: memoryCost,
  reference: ([x]) => [geluReference(x as Float64Array)],
  gradient: (graph, node, [dy]) => [dy && graph.one(geluGradient, [node.inputs[0] as Tensor, dy], {})],
};

/** dx = dy (Φ(x) + x φ(x)). Inputs: x, dy. */
export const geluGradient: Op<None> = {
  name: 'gelu-gradient',
  examples: [{ inputs: [f32(3, 257), f32(3, 257)], attrs: {} }],
  infer: (inputs) => sameShape('gelu-gradient', inputs, 2),
  cost: memoryCost,
  reference: ([x, dy]) => [geluGradientReference(x as Float64Array, dy as Float64Array)],
};
