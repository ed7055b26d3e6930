import { defined } from '../../util/errors.ts';
import { sameShape } from '../elementwise.ts';
import { memoryCost, type Op } from '../op.ts';
import { f32 } from '../tensor.ts';

export interface CastAttrs {
  readonly to: 'f32' | 'f16';
}

/** The same values, stored in another width: to f16, rounded to nearest, infinite above 65,504. (torch.Tensor.to) */
export const cast: Op<CastAttrs> = {
  name: 'cast',
  examples: [{ inputs: [f32(3, 257)], attrs: { to: 'f32' } }],
  infer: (inputs, { to }) => sameShape('cast', inputs, 1).map(({ shape }) => ({ shape, dtype: to })),
  cost: memoryCost,
  reference: ([x]) => [(x as Float64Array).slice()],
  gradient: (graph, node, [dy]) => {
    const from = defined(node.inputs[0], 'x').spec.dtype;
    return [dy && graph.one(cast, [dy], { to: from === 'f16' ? 'f16' : 'f32' })];
  },
};
