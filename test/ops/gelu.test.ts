import { describe, expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { gelu, geluGradient } from '../../src/ops/gelu/op.ts';
import { geluGradientReference, geluReference } from '../../src/ops/gelu/reference.ts';
import { f32 } from '../../src/ops/tensor.ts';

const sweep = Float64Array.from({ length: 4097 }, (_, i) => Math.fround(-10 + (20 * i) / 4096));

describe('gelu reference', () => {
  it.each([
    [-3, -0.00404969409489, -0.01194564720418],
    [-1, -0.15865525393146, -0.08331547058769],
    [-0.5, -0.15426876936299, 0.13250487534384],
    [0.5, 0.34573123063701, 0.86749512465616],
    [1, 0.84134474606854, 1.08331547058769],
    [3, 2.99595030590511, 1.01194564720418],
  ])('at %d', (x, y, derivative) => {
    expect(geluReference(Float64Array.of(x))[0]).toBeCloseTo(y, 13);
    expect(geluGradientReference(Float64Array.of(x), Float64Array.of(1))[0]).toBeCloseTo(derivative, 13);
  });
});

testOp(gelu, [
  { inputs: { x: f32(1) }, attrs: {} },
  { inputs: { x: f32(3, 257) }, attrs: {} },
  { inputs: { x: f32(4097) }, attrs: {}, data: { x: sweep }, worst: 2.5e-8 },
]);
testOp(geluGradient, [
  {
    inputs: { x: f32(4097), dy: f32(4097) },
    attrs: {},
    data: { x: sweep, dy: sweep.map(() => 1) },
    worst: 5e-7,
  },
]);
testGradient(gelu, [{ inputs: { x: f32(5, 7) }, attrs: {} }]);
