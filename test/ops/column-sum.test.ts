import { expect, it } from 'vitest';
import { testOp } from './harness.ts';
import { columnSum } from '../../src/ops/column-sum/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

testOp(columnSum, [
  { inputs: { x: f32(1, 1) }, attrs: {} },
  { inputs: { x: f32(515, 65) }, attrs: {} },
  { inputs: { x: f32(2, 9, 10) }, attrs: {} },
]);

it('refuses what has no rows', () => {
  expect(() => columnSum.infer({ x: f32(3) }, {})).toThrow('takes a matrix, got (3)');
});
