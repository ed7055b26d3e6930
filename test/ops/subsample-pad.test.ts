import { expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { subsamplePad, subsamplePadGradient } from '../../src/ops/subsample-pad/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

it('subsamples and pads with zero channels on both sides', () => {
  const x = Float64Array.from({ length: 9 }, (_, i) => i + 1);
  const { y } = subsamplePad.reference({ x }, { x: f32(1, 1, 3, 3) }, { channels: 3 });
  expect([...y]).toEqual([0, 0, 0, 0, 1, 3, 7, 9, 0, 0, 0, 0]);
});

testOp(subsamplePad, [
  { inputs: { x: f32(2, 3, 5, 8) }, attrs: { channels: 6 } },
  { inputs: { x: f32(2, 4, 4, 4) }, attrs: { channels: 8 } },
  { inputs: { x: f32(1, 2, 1, 3) }, attrs: { channels: 2 } },
]);
testOp(subsamplePadGradient, [
  { inputs: { dy: f32(2, 6, 3, 4) }, attrs: { c: 3, h: 5, w: 8 } },
  { inputs: { dy: f32(2, 8, 2, 2) }, attrs: { c: 4, h: 4, w: 4 } },
]);
testGradient(subsamplePad, [{ inputs: { x: f32(2, 2, 5, 4) }, attrs: { channels: 4 } }]);
