import { testGradient, testOp } from './harness.ts';
import { relu, reluGradient } from '../../src/ops/relu/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

const edges = Float64Array.of(-1, -0, 0, 1e-30, 3, -1e30);

testOp(relu, [
  { inputs: [f32(1)], attrs: {} },
  { inputs: [f32(3, 257)], attrs: {} },
  { inputs: [f32(6)], attrs: {}, data: [edges], worst: 1e-30 },
]);
testOp(reluGradient, [
  { inputs: [f32(3, 257), f32(3, 257)], attrs: {} },
  { inputs: [f32(6), f32(6)], attrs: {}, data: [edges, edges.map(() => 1)] },
]);
testGradient(relu, [{ inputs: [f32(5, 7)], attrs: {} }]);
