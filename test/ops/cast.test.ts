import { expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { cast } from '../../src/ops/cast/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

testOp(cast, [{ inputs: { x: f32(3, 257) }, attrs: { to: 'f32' } }]);
testGradient(cast, [{ inputs: { x: f32(5, 7) }, attrs: { to: 'f32' } }]);

it('changes how a tensor is stored, and nothing else', () => {
  expect(cast.infer({ x: f32(2, 3) }, { to: 'f16' }).y).toEqual({ shape: [2, 3], dtype: 'f16' });
});
