import { testOp } from './harness.ts';
import { SCALER_SPEC, adjustLossScale, scaleLoss } from '../../src/ops/loss-scale/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

const scaler = SCALER_SPEC;

testOp(scaleLoss, [
  { inputs: { x: f32(37), scaler }, attrs: {}, data: { scaler: Float64Array.of(65536, 0, 65536, 0) } },
  { inputs: { x: f32(36), scaler }, attrs: {}, data: { scaler: Float64Array.of(65536, 0, 65536, 0) } },
]);
testOp(
  adjustLossScale,
  // Good steps before and at the interval, and gradients that overflow.
  [
    [1, 1],
    [1, 2],
    [Infinity, 2],
    [NaN, 0],
  ].map(([squares, good]) => ({
    inputs: { squares: f32(1), scaler },
    attrs: { interval: 3 },
    data: { squares: Float64Array.of(squares!), scaler: Float64Array.of(8, good!, 4, 5) },
  })),
);
