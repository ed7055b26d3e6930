import { describe, expect, it } from 'vitest';
import { expectGolden, golden, wave } from './dense-golden.ts';
import { randomData, testGradient, testOp } from './harness.ts';
import { softCrossEntropy, softCrossEntropyGradient } from '../../src/ops/cross-entropy/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

interface Golden {
  logits: [number, number];
  targets: number[];
  loss: number[];
  dlogits: number[];
}

describe('softCrossEntropy reference', () => {
  it('matches PyTorch', () => {
    const g = golden<Golden>('crossEntropy');
    const logits = wave(g.logits, 0.1).map((v) => 5 * v);
    const targets = Float64Array.from(g.targets);
    const specs = { logits: f32(...g.logits), targets: f32(...g.logits), dloss: f32(g.logits[0]) };
    expectGolden('loss', softCrossEntropy.reference({ logits, targets }, specs, {}).loss, g.loss);
    const dloss = wave([g.logits[0]], 0.4);
    expectGolden(
      'dlogits',
      softCrossEntropyGradient.reference({ logits, targets, dloss }, specs, {}).dlogits,
      g.dlogits,
    );
  });

  // By PyTorch with label smoothing 0.1, then mixed with λ = 0.3 and the reversed batch.
  it.each([
    [[0.925, 0.025, 0.025, 0.025, 0.025, 0.925, 0.025, 0.025], 1.6076960616016],
    [[0.295, 0.655, 0.025, 0.025, 0.655, 0.295, 0.025, 0.025], 2.0801960616016],
  ])('smoothed and mixed targets %#', (targets, mean) => {
    const logits = Float64Array.of(2, 1, 0, -1, 0, 0.5, -0.5, 3);
    const specs = { logits: f32(2, 4), targets: f32(2, 4) };
    const data = { logits, targets: Float64Array.from(targets) };
    const { loss } = softCrossEntropy.reference(data, specs, {});
    expect((loss[0]! + loss[1]!) / 2).toBeCloseTo(mean, 12);
  });
});

/** Logits of deviation `spread` and targets that sum to one. */
function data(n: number, k: number, spread: number): { logits: Float64Array; targets: Float64Array } {
  const [z, t] = randomData([f32(n, k), f32(n, k)]);
  const targets = t!.map(Math.abs);
  for (let row = 0; row < n; row++) {
    const part = targets.subarray(row * k, (row + 1) * k);
    const mass = part.reduce((sum, value) => sum + value, 0);
    part.forEach((value, i) => (part[i] = Math.fround(value / mass)));
  }
  return { logits: z!.map((value) => Math.fround(value * spread)), targets };
}

const cases = (
  [
    [5, 37, 1],
    [1, 1, 1],
    [3, 257, 1],
    [2, 1000, 30],
    [1, 21841, 3],
  ] as const
).map(([n, k, spread]) => ({ n, k, data: data(n, k, spread) }));

testOp(
  softCrossEntropy,
  cases.map(({ n, k, data }) => ({ inputs: { logits: f32(n, k), targets: f32(n, k) }, attrs: {}, data })),
);
testOp(
  softCrossEntropyGradient,
  cases.map(({ n, k, data }) => ({
    inputs: { logits: f32(n, k), targets: f32(n, k), dloss: f32(n) },
    attrs: {},
    data,
  })),
);
// Logits whose exponential overflows without the maximum subtracted.
testOp(softCrossEntropy, [
  {
    inputs: { logits: f32(1, 3), targets: f32(1, 3) },
    attrs: {},
    data: { logits: Float64Array.of(1000, 990, -1000), targets: Float64Array.of(0.25, 0.5, 0.25) },
  },
]);
testGradient(softCrossEntropy, [
  {
    inputs: { logits: f32(3, 5), targets: f32(3, 5) },
    attrs: {},
    data: data(3, 5, 1),
    wrt: ['logits'],
  },
]);
