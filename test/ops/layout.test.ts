import { expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { toMaps, toRows } from '../../src/ops/layout/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

const SIZES = [
  [3, 37, 5, 7],
  [1, 36, 18, 18],
] as const;

testOp(
  toRows,
  SIZES.map((size) => ({ inputs: { x: f32(...size) }, attrs: {} })),
);
testOp(
  toMaps,
  SIZES.map(([n, c, h, w]) => ({ inputs: { x: f32(n * h * w, c) }, attrs: { n, h, w } })),
);
testGradient(toRows, [{ inputs: { x: f32(2, 3, 2, 2) }, attrs: {} }]);
testGradient(toMaps, [{ inputs: { x: f32(8, 3) }, attrs: { n: 2, h: 2, w: 2 } }]);

it('puts channels last in (n, h, w) order', () => {
  const { y } = toRows.reference({ x: Float64Array.of(1, 2, 3, 4, 5, 6) }, { x: f32(1, 2, 1, 3) }, {});
  expect([...y]).toEqual([1, 4, 2, 5, 3, 6]);
});
