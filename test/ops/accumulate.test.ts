import { testOp } from './harness.ts';
import { accumulate } from '../../src/ops/accumulate/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

testOp(accumulate, [
  { inputs: { x: f32(1) }, attrs: {} },
  { inputs: { x: f32(3, 257) }, attrs: {} },
  { inputs: { x: f32(2, 258) }, attrs: {} },
]);
