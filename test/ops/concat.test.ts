import { describe, expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { concat, concatGradient } from '../../src/ops/concat/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

testOp(concat, [
  { inputs: { a: f32(2, 3, 5, 3), b: f32(2, 4, 5, 3) }, attrs: {} },
  { inputs: { a: f32(3, 1), b: f32(3, 70) }, attrs: {} },
]);
testOp(concatGradient, [
  { inputs: { dy: f32(2, 7, 5, 3) }, attrs: { channels: 3 } },
  { inputs: { dy: f32(3, 71) }, attrs: { channels: 70 } },
]);
testGradient(concat, [{ inputs: { a: f32(2, 1, 2, 3), b: f32(2, 2, 2, 3) }, attrs: {} }]);

describe('concat', () => {
  it('names shapes that differ in more than their channels', () => {
    expect(() => concat.infer({ a: f32(2, 3, 5, 3), b: f32(2, 3, 5, 4) }, {})).toThrow(
      /\(2, 3, 5, 3\) and \(2, 3, 5, 4\)/,
    );
  });

  it('gives what torch.cat gives', () => {
    const { y } = concat.reference(
      { a: Float64Array.of(1, 2, 5, 6), b: Float64Array.of(3, 7) },
      { a: f32(2, 2), b: f32(2, 1) },
      {},
    );
    expect([...y]).toEqual([1, 2, 3, 5, 6, 7]);
  });
});
