import { testGradient, testOp } from './harness.ts';
import { relu, reluGradient } from '../../src/ops/relu/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

const edges = Float64Array.of(-1, -0, 0, 1e-30, 3, -1e30);
const eight = Float64Array.of(...edges, 2, -2);

testOp(relu, [
  { inputs: { x: f32(1) }, attrs: {} },
  { inputs: { x: f32(3, 257) }, attrs: {} },
  { inputs: { x: f32(6) }, attrs: {}, data: { x: edges }, worst: 1e-30 },
  { inputs: { x: f32(8) }, attrs: {}, data: { x: eight }, worst: 1e-30 },
]);
testOp(reluGradient, [
  { inputs: { y: f32(3, 257), dy: f32(3, 257) }, attrs: {} },
  { inputs: { y: f32(6), dy: f32(6) }, attrs: {}, data: { y: edges, dy: edges.map(() => 1) } },
  { inputs: { y: f32(8), dy: f32(8) }, attrs: {}, data: { y: eight, dy: eight.map(() => 1) } },
]);
testGradient(relu, [{ inputs: { x: f32(5, 7) }, attrs: {} }]);
