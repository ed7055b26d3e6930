import { type Op, memoryCost } from '../op.ts';
import { f32 } from '../tensor.ts';
import { scaleReference } from './reference.ts';

export interface ScaleAttrs {
  readonly factor: number;
}

/** y = factor · x, elementwise. */
export const scale: Op<ScaleAttrs, 'x', 'y'> = {
  name: 'scale',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(3, 257) }, attrs: { factor: -0.25 } }],
  infer: ({ x }) => ({ y: x }),
  cost: memoryCost,
  reference: ({ x }, _specs, { factor }) => ({ y: scaleReference(x, factor) }),
  gradient: (graph, { attrs }, { y: dy }) => ({ x: dy && graph.one(scale, { x: dy }, attrs) }),
};
