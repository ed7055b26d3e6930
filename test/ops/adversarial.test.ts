import { describe, expect, it } from 'vitest';
import { testOp } from './harness.ts';
import { adversarialStart, adversarialStep } from '../../src/ops/adversarial/op.ts';
import { startReference, stepReference } from '../../src/ops/adversarial/reference.ts';
import { f32 } from '../../src/ops/tensor.ts';
import { threefry2x32 } from '../../src/util/rng.ts';

const box = Float64Array.of(0.2, 0.3, 0.5, 0.4, -1, -0.5, 1, 0.5);
const images = f32(3, 2, 9, 11);
const keys = Float64Array.of(1, 2, 3, 65535, 0, 4, 65535, 60000, 0, 0, 0, 0);

testOp(adversarialStart, [
  { inputs: { clean: images, keys: f32(12), box: f32(8) }, attrs: {}, data: { keys, box } },
]);
testOp(adversarialStep, [
  { inputs: { x: images, dx: images, clean: images, box: f32(8) }, attrs: {}, data: { box } },
  {
    inputs: { x: f32(1, 2, 1, 3), dx: f32(1, 2, 1, 3), clean: f32(1, 2, 1, 3), box: f32(8) },
    attrs: {},
    // Gradients of zero; pixels at, and beyond, the ends of the range.
    data: {
      x: Float64Array.of(0, 1, -1, 0.5, 3, 0),
      dx: Float64Array.of(0, 2, -1e-30, -0, 1, -4),
      clean: Float64Array.of(0, 1, -1, 0.25, 3, 0),
      box,
    },
  },
]);

describe('adversarial images', () => {
  it('start within ε, by the words of Threefry', () => {
    const clean = new Float64Array(2 * 2 * 3);
    const sizes = { n: 2, c: 2, pixels: 3 };
    const wide = Float64Array.of(0, 0, 0.25, 0.5, -9, -9, 9, 9);
    const y = startReference({ clean, keys: keys.subarray(4), box: wide }, sizes);
    const [word] = threefry2x32(4 * 65536, 65535 + 60000 * 65536, 5, 0);
    expect(y[5]).toBe(0.5 * (2 * ((word >>> 8) / 2 ** 24) - 1));
    expect(Math.max(...y.subarray(0, 3).map(Math.abs))).toBeLessThanOrEqual(0.25);
    expect(new Set(y).size).toBe(12);
  });

  it('never leave the ball, nor the range unless the clean pixel does', () => {
    const sizes = { n: 1, c: 1, pixels: 3 };
    const limits = Float64Array.of(1, 0.3, 0, 1);
    const clean = Float64Array.of(0.9, 0.5, 1.4);
    const y = stepReference({ x: clean, dx: Float64Array.of(1, -1, 1), clean, box: limits }, sizes);
    expect([...y]).toEqual([1, 0.2, 1.4]);
  });
});
