import { describe, expect, it } from 'vitest';
import { communicationOf } from '../../../src/training/planning/communication.ts';
import type { TrainingPlan } from '../../../src/training/step/training-plan.ts';

/** The parts of a plan that messages depend on: 10 M gradients, a batch of 1024 in micro-batches of 64. */
const PLAN = {
  layout: { chunks: [9_000_000, 1_000_000] },
  stateLayout: { chunks: [64_000] },
  batch: 1024,
  micro: 64,
} as unknown as TrainingPlan;

describe('the cost of ranks', () => {
  it('is nothing for one', () => {
    expect(communicationOf(PLAN, { ranks: 1, gigabytesPerSecond: 1 }, 100)).toMatchObject({
      ...{ bytes: 0, messages: 0, seconds: 0, exposedSeconds: 0, efficiency: 1 },
    });
  });

  it('moves twice the gradient but for a share, of which the backward pass hides all but two buckets if it can', () => {
    const eight = communicationOf(PLAN, { ranks: 8, gigabytesPerSecond: 2 }, 1280);
    expect(eight.bytes).toBe(2 * (7 / 8) * 4e7);
    expect(eight.seconds).toBeCloseTo(0.035, 10);
    expect(eight.computeSeconds).toBeCloseTo(0.1, 10);
    // 10 buckets. The backward pass of the last micro-batch takes two thirds of 50 ms.
    expect(eight.exposedSeconds).toBeCloseTo(0.007, 10);
    expect(eight.efficiency).toBeCloseTo(0.1 / 0.107, 10);
    const slow = communicationOf(PLAN, { ranks: 8, gigabytesPerSecond: 0.2 }, 1280);
    expect(slow.exposedSeconds).toBeCloseTo(0.35 - (2 / 3) * 0.05, 10);
    expect(slow.efficiency).toBeLessThan(0.3);
  });

  it('counts the statistics of all micro-batches, and leaves out what needs a rate', () => {
    const statistics = { stretches: [] } as unknown as TrainingPlan['statistics'];
    const two = communicationOf({ ...PLAN, statistics }, { ranks: 2, gigabytesPerSecond: 1 }, undefined);
    expect(two.bytes).toBe(4e7 + 0.5 * 16 * 4 * 64_000);
    expect(two).toMatchObject({ computeSeconds: null, exposedSeconds: null, efficiency: null });
  });
});
