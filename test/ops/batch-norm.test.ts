import { describe, expect, it } from 'vitest';
import { expectGolden, golden, runWithGradients, wave } from './dense-golden.ts';
import { randomData, testGradient, testOp } from './harness.ts';
import { type BatchNormAttrs, batchNorm, batchNormGradient } from '../../src/ops/batch-norm/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

interface Golden {
  x: number[];
  training: boolean;
  y: number[];
  runningMean: number[];
  runningVar: number[];
  dx: number[];
  dweight: number[];
  dbias: number[];
}

const TRAINING: BatchNormAttrs = { eps: 1e-5, momentum: 0.1, training: true };
const INFERENCE: BatchNormAttrs = { ...TRAINING, training: false };

describe('batchNorm reference against PyTorch', () => {
  it.each(golden<Golden[]>('batchNorm').map((g) => [g.training ? 'training' : 'inference', g] as const))(
    '%s',
    (_label, g) => {
      const c = [g.x[1]!];
      const tensors = {
        x: { shape: g.x, data: wave(g.x, 0.1).map((v) => v + 2) },
        weight: { shape: c, data: wave(c, 0.2) },
        bias: { shape: c, data: wave(c, 0.3) },
        running_mean: { shape: c, data: wave(c, 0.5) },
        running_var: { shape: c, data: wave(c, 0.6).map((v) => v + 1.5) },
      };
      const { y, gradients, inputs } = runWithGradients(
        batchNorm,
        tensors,
        g.training ? TRAINING : INFERENCE,
      );
      expectGolden('y', y, g.y);
      expectGolden('running mean', inputs['running_mean'], g.runningMean);
      expectGolden('running variance', inputs['running_var'], g.runningVar);
      expectGolden('dx', gradients['x'], g.dx);
      expectGolden('dweight', gradients['weight'], g.dweight);
      expectGolden('dbias', gradients['bias'], g.dbias);
    },
  );
});

/** Inputs of a forward case with positive running variances, and x moved by `offset` (rounded to f32). */
function forwardCase(x: number[], attrs: BatchNormAttrs, offset = 0) {
  const c = f32(x[1]!);
  const inputs = { x: f32(...x), weight: c, bias: c, running_mean: c, running_var: c };
  const random = randomData(Object.values(inputs));
  const moved = random[0]!.map((v) => Math.fround(v + offset));
  return { inputs, attrs, data: { x: moved, running_var: random[4]!.map((v) => Math.abs(v) + 0.5) } };
}

testOp(batchNorm, [
  forwardCase([3, 5, 7, 4], TRAINING),
  forwardCase([3, 5, 7, 5], { ...TRAINING, relu: true }),
  forwardCase([2, 3, 40, 41], { ...TRAINING, updateStatistics: false }),
  forwardCase([2, 2, 64, 64], { ...TRAINING, momentum: 1 }),
  forwardCase([1, 1, 1, 2], TRAINING),
  forwardCase([129, 70], TRAINING),
  forwardCase([3, 5, 7, 4], INFERENCE),
  forwardCase([3, 5, 7, 5], { ...INFERENCE, relu: true }),
  // A mean a thousand deviations from zero: E[x²] − mean² in f32 would have no correct digit.
  { ...forwardCase([4, 3, 20, 20], TRAINING, 1000), nmse: 1e-7, worst: 1e-3 },
]);

const gradientInputs = (x: number[]) => {
  const c = f32(x[1]!);
  return { x: f32(...x), weight: c, bias: c, mean: c, rstd: c, dy: f32(...x) };
};

testOp(
  batchNormGradient,
  [true, false].flatMap((training) => [
    { inputs: gradientInputs([3, 5, 7, 4]), attrs: { training, relu: false, parameters: true } },
    { inputs: gradientInputs([3, 5, 7, 5]), attrs: { training, relu: true, parameters: true } },
    { inputs: gradientInputs([2, 3, 40, 40]), attrs: { training, relu: true, parameters: false } },
    { inputs: gradientInputs([65, 33]), attrs: { training, relu: false, parameters: false } },
  ]),
);

testGradient(
  batchNorm,
  [TRAINING, INFERENCE, { ...TRAINING, relu: true }].map((attrs) => ({
    ...forwardCase([3, 2, 3, 2], attrs),
    wrt: ['x', 'weight', 'bias'],
  })),
);

describe('batchNorm shapes', () => {
  it('refuses to train on one value per channel, as PyTorch does', () => {
    const { inputs } = forwardCase([1, 4, 1, 1], TRAINING);
    expect(() => batchNorm.infer(inputs, TRAINING)).toThrow(/more than one value/);
    expect(Object.keys(batchNorm.infer(inputs, INFERENCE))).toEqual(['y', 'mean', 'rstd']);
  });
});
