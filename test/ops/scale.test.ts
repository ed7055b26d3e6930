import { testGradient, testOp } from './harness.ts';
import { scale } from '../../src/ops/scale/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

testOp(scale, [
  { inputs: { x: f32(3, 257) }, attrs: { factor: -0.25 } },
  { inputs: { x: f32(3, 260) }, attrs: { factor: -0.25 } },
]);
testGradient(scale, [{ inputs: { x: f32(3, 4) }, attrs: { factor: -3 } }]);
