import { memoryCost, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';
import { castReference } from './reference.ts';

export interface CastAttrs {
  readonly to: 'f32' | 'f16';
}

/** The same values stored as another type. f16 rounds to nearest and is infinite above 65,504. (torch.Tensor.to) */
export const cast: Op<CastAttrs, 'x', 'y'> = {
  name: 'cast',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(3, 257) }, attrs: { to: 'f32' } }],
  infer: ({ x }, { to }) => ({ y: { shape: x.shape, dtype: to } }),
  cost: memoryCost,
  reference: ({ x }) => ({ y: castReference(x) }),
  gradient: (graph, { inputs: { x } }, { y: dy }) => ({
    x: dy && graph.one(cast, { x: dy }, { to: x.spec.dtype === 'f16' ? 'f16' : 'f32' }),
  }),
};
