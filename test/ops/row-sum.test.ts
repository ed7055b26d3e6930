import { expect, it } from 'vitest';
import { testOp } from './harness.ts';
import { rowSum } from '../../src/ops/row-sum/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

testOp(rowSum, [
  { inputs: { x: f32(5, 131) }, attrs: {} },
  { inputs: { x: f32(3, 5, 7, 9) }, attrs: {} },
]);

it('refuses what has no columns', () => {
  expect(() => rowSum.infer({ x: f32(3) }, {})).toThrow('got (3)');
});
