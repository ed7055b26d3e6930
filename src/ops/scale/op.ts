import { sameShape } from '../elementwise.ts';
import { type Op, memoryCost } from '../op.ts';
import { f32 } from '../tensor.ts';

export interface ScaleAttrs {
  readonly factor: number;
}

/** y = factor · x, elementwise. */
export const scale: Op<ScaleAttrs> = {
  name: 'scale',
  examples: [{ inputs: [f32(3, 257)], attrs: { factor: -0.25 } }],
  infer: (inputs) => sameShape('scale', inputs, 1),
  cost: memoryCost,
  reference: ([x], _specs, { factor }) => [(x as Float64Array).map((value) => value * factor)],
  gradient: (graph, node, [dy]) => [dy && graph.one(scale, [dy], node.attrs)],
};
