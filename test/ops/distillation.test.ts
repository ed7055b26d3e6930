import { describe, expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { type DistillationAttrs, distillation, distillationGradient } from '../../src/ops/distillation/op.ts';
import { distillationReference } from '../../src/ops/distillation/reference.ts';
import { f32 } from '../../src/ops/tensor.ts';

const SOFT = { kind: 'soft', alpha: 0.4, temperature: 3 } as const;
const HARD = { kind: 'hard', alpha: 0.7, temperature: 1 } as const;

function tables(n: number, k: number, attrs: DistillationAttrs) {
  const table = f32(n, k);
  return { inputs: { logits: table, targets: table, teacher: table }, attrs };
}

function backward(n: number, k: number, attrs: DistillationAttrs) {
  return { inputs: { ...tables(n, k, attrs).inputs, dloss: f32(n) }, attrs };
}

// Far logits, and a teacher of whose largest two are the same.
const EDGE = {
  logits: Float64Array.of(900, -900, 0, 1, 2, 3),
  targets: Float64Array.of(0, 0.5, 0.5, 1, 0, 0),
  teacher: Float64Array.of(1, 4, 4, 700, -700, 699),
};

for (const attrs of [SOFT, HARD]) {
  testOp(distillation, [tables(5, 37, attrs), { ...tables(2, 3, attrs), data: EDGE }]);
  testOp(distillationGradient, [backward(5, 37, attrs), { ...backward(2, 3, attrs), data: EDGE }]);
  testGradient(distillation, [{ ...tables(3, 7, attrs), wrt: ['logits'] }]);
}
testOp(distillation, [tables(2, 1000, SOFT)]);
testOp(distillationGradient, [backward(2, 1000, HARD)]);

describe('distillation', () => {
  const data = {
    logits: Float64Array.of(2, 1, 0, -1, 0, 0.5, -0.5, 3),
    targets: new Float64Array(8),
    teacher: Float64Array.of(1, 2, 0, 0, 0, 0, 1, 2),
  };

  it('has the mean soft loss of facebookresearch/deit: losses.py', () => {
    const { loss } = distillationReference(4, data, { kind: 'soft', alpha: 1, temperature: 3 });
    expect((loss[0]! + loss[1]!) / 2).toBeCloseTo(0.10449696465994, 13);
  });

  it("is cross entropy with the teacher's class, where it is hard", () => {
    const { loss } = distillationReference(4, data, { kind: 'hard', alpha: 1, temperature: 1 });
    const logSum = Math.log(Math.exp(2) + Math.exp(1) + 1 + Math.exp(-1));
    expect(loss[0]).toBeCloseTo(logSum - 1, 13);
  });

  it('rejects a teacher of other classes', () => {
    const inputs = { ...tables(2, 4, SOFT).inputs, teacher: f32(2, 5) };
    expect(() => distillation.infer(inputs, SOFT)).toThrow('teacher is (2, 5), expected (2, 4)');
  });
});
