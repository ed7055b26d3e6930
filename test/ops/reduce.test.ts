import { testGradient, testOp } from './harness.ts';
import { nonFinite, spread, sum, sumSquares } from '../../src/ops/reduce/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

const SHAPES = [[1], [3, 257], [4096 * 5 + 4], [70001]];

testOp(
  sum,
  SHAPES.map((shape) => ({ inputs: { x: f32(...shape) }, attrs: { factor: 1 / shape[0]! }, nmse: 1e-9 })),
);
testOp(
  sumSquares,
  SHAPES.map((shape) => ({ inputs: { x: f32(...shape) }, attrs: {} })),
);
const broken = (n: number) =>
  Float64Array.from({ length: n }, (_, i) => [1, NaN, 3, Infinity, -Infinity, 3e38, 0][i % 7]!);
testOp(
  nonFinite,
  [7, 4000, 70001].map((n) => ({ inputs: { x: f32(n) }, attrs: {}, data: { x: broken(n) } })),
);
testOp(spread, [{ inputs: { x: f32(1) }, attrs: { shape: [3, 5], factor: 2 } }]);
testGradient(sum, [{ inputs: { x: f32(3, 4) }, attrs: { factor: 0.5 } }]);
