import { expect, it } from 'vitest';
import { StepClock } from '../../../src/training/log/step-clock.ts';

it('the first step, in which kernels compile, is no part of rates', () => {
  let now = 5000;
  const clock = new StepClock(() => now);
  now += 37_000;
  clock.ended();
  expect([clock.recent, clock.mean, clock.leftOut]).toEqual([37_000, NaN, undefined]);
  for (let step = 2; step <= 20; step++) {
    now += 2000;
    clock.ended();
    expect([clock.recent, clock.mean, clock.leftOut]).toEqual([2000, 2000, 37_000]);
  }
  now += 60_000; // an evaluation
  clock.goOn();
  now += 2000;
  clock.ended();
  expect(clock.recent).toBe(2000);
  expect(clock.elapsed).toBe(37_000 + 20 * 2000 + 60_000);
  // 137 s, in whose last 100 s 20 steps of 4 images ended.
  expect(clock.totals(21, 4)).toEqual({ seconds: 137, firstStepSeconds: 37, imagesPerSecond: 0.8 });
});

it('the rate of a single step is that of all its time', () => {
  let now = 0;
  const clock = new StepClock(() => now);
  now += 2000;
  clock.ended();
  expect(clock.totals(1, 4)).toEqual({ seconds: 2, imagesPerSecond: 2 });
});
