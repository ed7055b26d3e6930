import { describe, expect, it } from 'vitest';
import { expectGolden, golden, runWithGradients, wave } from './dense-golden.ts';
import { randomData, testGradient, testOp } from './harness.ts';
import { standardize, standardizeGradient } from '../../src/ops/standardize/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

interface Golden {
  weight: number[];
  eps: number;
  y: number[];
  dweight: number[];
}

describe('standardize reference against PyTorch', () => {
  it.each(golden<Golden[]>('standardize').map((g) => [`${g.weight.join()} eps ${g.eps}`, g] as const))(
    '%s',
    (_label, { weight: shape, eps, y: want, dweight }) => {
      const tensors = { weight: { shape, data: wave(shape, 0.1) } };
      const { y, gradients } = runWithGradients(standardize, tensors, { eps });
      expectGolden('y', y, want);
      expectGolden('dweight', gradients['weight'], dweight);
    },
  );
});

const far = randomData([f32(3, 40, 3, 3)])[0]!.map((v) => Math.fround(v + 1000));

testOp(standardize, [
  { inputs: { weight: f32(5, 3, 3, 3) }, attrs: { eps: 1e-10 } },
  { inputs: { weight: f32(33, 65, 1, 1) }, attrs: { eps: 1e-10 } },
  { inputs: { weight: f32(2, 64, 7, 7) }, attrs: { eps: 1e-8 } },
  { inputs: { weight: f32(4, 1) }, attrs: { eps: 1e-2 } },
  // A mean a thousand deviations from zero.
  {
    inputs: { weight: f32(3, 40, 3, 3) },
    attrs: { eps: 1e-10 },
    data: { weight: far },
    nmse: 1e-7,
    worst: 1e-3,
  },
]);
const gradient = (...shape: number[]) => ({
  weight: f32(...shape),
  mean: f32(shape[0]!),
  rstd: f32(shape[0]!),
  dy: f32(...shape),
});
testOp(standardizeGradient, [
  { inputs: gradient(5, 3, 3, 3), attrs: {} },
  { inputs: gradient(33, 65, 1, 1), attrs: {} },
  { inputs: gradient(2, 64, 7, 7), attrs: {} },
]);
testGradient(standardize, [{ inputs: { weight: f32(3, 2, 3, 2) }, attrs: { eps: 1e-10 } }]);

describe('standardize', () => {
  it('refuses a vector', () => {
    expect(() => standardize.infer({ weight: f32(4) }, { eps: 1e-10 })).toThrow(/takes weight/);
  });
});
