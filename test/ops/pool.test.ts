import { describe, expect, it } from 'vitest';
import { expectGolden, golden, runWithGradients, wave } from './dense-golden.ts';
import { randomData, testGradient, testOp } from './harness.ts';
import {
  type MaxPoolAttrs,
  averagePool,
  averagePoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
} from '../../src/ops/pool/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

interface Golden {
  x: number[];
  kernel: number;
  stride: number;
  padding: number;
  zeroPadding?: boolean;
  y: number[];
  dx: number[];
}

const square = (kernel: number, stride: number, padding: number) => ({
  kernel: [kernel, kernel] as const,
  stride: [stride, stride] as const,
  padding: [padding, padding] as const,
});

describe('pooling references against PyTorch', () => {
  it.each(
    golden<Golden[]>('maxPool').map((g) => [`max ${g.x.join()} zero padding ${g.zeroPadding}`, g] as const),
  )('%s', (_label, g) => {
    const data = wave(g.x, 0.1).map((v) => Math.round(2 * v));
    const attrs = { ...square(g.kernel, g.stride, g.padding), zeroPadding: g.zeroPadding === true };
    const { y, gradients } = runWithGradients(maxPool, { x: { shape: g.x, data } }, attrs);
    expectGolden('y', y, g.y);
    expectGolden('dx', gradients['x'], g.dx);
  });
  it.each(golden<Golden[]>('averagePool').map((g) => [`average ${g.x.join()}`, g] as const))(
    '%s',
    (_label, g) => {
      const tensors = { x: { shape: g.x, data: wave(g.x, 0.1) } };
      const { y, gradients } = runWithGradients(averagePool, tensors, square(g.kernel, g.stride, g.padding));
      expectGolden('y', y, g.y);
      expectGolden('dx', gradients['x'], g.dx);
    },
  );
});

const STEM: MaxPoolAttrs = square(3, 2, 1);
const ZEROS: MaxPoolAttrs = { ...STEM, zeroPadding: true };
const ties = randomData([f32(2, 3, 9, 12)])[0]!.map((v) => Math.round(v));

testOp(maxPool, [
  { inputs: { x: f32(2, 3, 9, 12) }, attrs: STEM },
  { inputs: { x: f32(2, 3, 9, 12) }, attrs: ZEROS },
  { inputs: { x: f32(1, 2, 5, 5) }, attrs: { kernel: [2, 3], stride: [1, 2], padding: [0, 1] } },
  { inputs: { x: f32(1, 1, 3, 3) }, attrs: STEM, data: { x: new Float64Array(9).fill(-7) } },
]);
testOp(maxPoolGradient, [
  { inputs: { x: f32(2, 3, 9, 12), dy: f32(2, 3, 5, 6) }, attrs: STEM, data: { x: ties } },
  { inputs: { x: f32(2, 3, 9, 12), dy: f32(2, 3, 5, 6) }, attrs: ZEROS, data: { x: ties } },
  { inputs: { x: f32(1, 2, 7, 7), dy: f32(1, 2, 3, 3) }, attrs: square(2, 2, 0) },
]);
testOp(averagePool, [
  { inputs: { x: f32(2, 3, 9, 12) }, attrs: STEM },
  { inputs: { x: f32(1, 2, 6, 7) }, attrs: { kernel: [2, 3], stride: [2, 1], padding: [0, 1] } },
]);
testOp(averagePoolGradient, [
  { inputs: { dy: f32(2, 3, 5, 6) }, attrs: { ...STEM, h: 9, w: 12 } },
  { inputs: { dy: f32(1, 2, 3, 3) }, attrs: { ...square(2, 2, 0), h: 7, w: 7 } },
]);
testOp(globalAveragePool, [
  { inputs: { x: f32(2, 5, 7, 7) }, attrs: {} },
  { inputs: { x: f32(3, 43, 1, 1) }, attrs: {} },
  { inputs: { x: f32(1, 3, 33, 31) }, attrs: {} },
]);
testOp(globalAveragePoolGradient, [{ inputs: { dy: f32(3, 5) }, attrs: { h: 7, w: 3 } }]);

testGradient(maxPool, [
  { inputs: { x: f32(2, 2, 5, 6) }, attrs: STEM },
  { inputs: { x: f32(1, 2, 5, 6) }, attrs: ZEROS },
]);
testGradient(averagePool, [{ inputs: { x: f32(1, 2, 5, 6) }, attrs: STEM }]);
testGradient(globalAveragePool, [{ inputs: { x: f32(2, 3, 4, 5) }, attrs: {} }]);

describe('pooling shapes', () => {
  it('refuses padding of more than half the window', () => {
    expect(() => maxPool.infer({ x: f32(1, 1, 8, 8) }, square(3, 2, 2))).toThrow(/half/);
  });
});
