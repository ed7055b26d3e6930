import { describe, expect, it } from 'vitest';
import {
  epochCosine,
  layerScale,
  scheduleOf,
  stepsPerEpoch,
  warmupWarning,
} from '../../src/training/schedule.ts';
import type { ScheduleConfig } from '../../src/training/schedule.ts';

function config(lr: number, schedule: Partial<ScheduleConfig['schedule']>, optimizer = {}): ScheduleConfig {
  return {
    batch: { size: 128 },
    optimizer: { lr, lrPer: null, weightDecay: 0.05, weightDecayEnd: null, ...optimizer },
    schedule: {
      epochs: 120,
      warmupEpochs: 0,
      warmupSteps: null,
      warmupLr: 0,
      minLr: 1e-6,
      unit: 'step',
      lag: 0,
      ...schedule,
    },
  };
}

/** Numbers computed with cosine_scheduler of facebookresearch/ConvNeXt utils.py. */
describe('warm-up and cosine by step', () => {
  it.each([
    [
      'ConvNeXt-T, 120 epochs',
      config(4e-3, { epochs: 120, warmupEpochs: 20 }),
      stepsPerEpoch(1_281_167, 4096),
      [
        [0, 0],
        [1, 6.411283859592884e-7],
        [3120, 0.0020003205641929795],
        [6239, 0.004],
        [6240, 0.004],
        [6241, 0.003999999989863641],
        [10000, 0.003858399816731028],
        [18720, 0.0026183794802527075],
        [21840, 0.0020005],
        [30000, 0.0005363288011377518],
        [37439, 1.000010136358779e-6],
      ],
    ],
    [
      '300 epochs',
      config(4e-3, { epochs: 300, warmupEpochs: 20 }),
      312,
      [
        [46800, 0.0022243729699685643],
        [93599, 1.0000012929028863e-6],
      ],
    ],
    [
      'RepLKNet, 120 epochs',
      config(4e-3, { epochs: 120, warmupEpochs: 10 }),
      stepsPerEpoch(1_281_167, 2048),
      [
        [1, 6.401024163866218e-7],
        [6250, 0.004],
        [37500, 0.002285058519127434],
        [74999, 1.0000020875925415e-6],
      ],
    ],
    [
      'RepLKNet, fine-tuning',
      config(4e-4, { epochs: 30, warmupEpochs: 1 }),
      stepsPerEpoch(1_281_167, 512),
      [
        [1, 1.599360255897641e-7],
        [2501, 0.0004],
        [2502, 0.0004],
        [37530, 0.0002113007122627908],
        [75059, 1.0000001870001905e-6],
      ],
    ],
    [
      'ConvNeXt, fine-tuning',
      config(5e-5, { epochs: 30 }),
      2502,
      [
        [0, 5e-5],
        [1, 4.9999999978540545e-5],
        [37530, 2.55e-5],
      ],
    ],
  ])('%s', (_, recipe, steps, vectors) => {
    const schedule = scheduleOf(recipe, steps);
    for (const [step, lr] of vectors as [number, number][])
      expect(Math.abs(schedule.lr(step) - lr), `step ${step}`).toBeLessThanOrEqual(1e-14 * lr + 1e-19);
  });

  it('takes a warm-up in steps, and one of a single step', () => {
    const lr = (steps: number, at: number) =>
      scheduleOf(config(1, { epochs: 1, warmupSteps: steps }), 10).lr(at);
    expect([lr(5, 0), lr(5, 4), lr(5, 5), lr(1, 0), lr(1, 1)]).toEqual([0, 1, 1, 0, 1]);
  });
});

/** Numbers computed with CosineLRScheduler of huggingface/pytorch-image-models timm/scheduler/cosine_lr.py, as DeiT uses it. */
describe('warm-up and cosine by epoch', () => {
  const deit = config(1e-3, {
    epochs: 300,
    warmupEpochs: 5,
    warmupLr: 1e-6,
    minLr: 1e-5,
    unit: 'epoch',
    lag: 1,
  });

  it('is that of timm', () => {
    const at = (t: number) =>
      epochCosine({ base: 1e-3, end: 1e-5, start: 1e-6, warmupEpochs: 5, totalEpochs: 300 }, t);
    expect(at(0)).toBe(1e-6);
    expect(at(1)).toBeCloseTo(0.0002008, 12);
    expect(at(4)).toBeCloseTo(0.0008002, 12);
    expect(at(5)).toBeCloseTo(0.00099932, 8);
    expect(at(150)).toBeCloseTo(0.000505, 12);
    expect(at(299)).toBeCloseTo(1.0027e-5, 8);
  });

  it('is late by one epoch in DeiT', () => {
    const { lr, totalSteps } = scheduleOf(deit, 1251);
    expect(totalSteps).toBe(375_300);
    expect([lr(0), lr(1250), lr(1251), lr(2501)]).toEqual([1e-6, 1e-6, 1e-6, 1e-6]);
    expect(lr(2 * 1251)).toBeCloseTo(0.0002008, 12);
    expect(scheduleOf({ ...deit, schedule: { ...deit.schedule, lag: 0 } }, 1251).lr(1251)).toBeCloseTo(
      0.0002008,
      12,
    );
  });
});

describe('weight decay and layer factors', () => {
  it('decay is constant unless an end is given, and has no warm-up', () => {
    const constant = scheduleOf(config(1, { epochs: 10, warmupEpochs: 2 }), 10).weightDecay;
    expect(new Set([0, 10, 50, 99].map(constant))).toEqual(new Set([0.05]));
    const falling = scheduleOf(
      config(1, { epochs: 10, warmupEpochs: 2 }, { weightDecayEnd: 0.01 }),
      10,
    ).weightDecay;
    expect(falling(0)).toBe(0.05);
    expect(falling(50)).toBeCloseTo(0.03, 15);
    expect(falling(99)).toBeGreaterThan(0.01);
  });

  it('layers before the last learn more slowly', () => {
    expect([13, 12, 0].map((id) => layerScale(0.7, id))).toEqual([1, 0.7, 0.7 ** 13]);
  });

  it('refuses a batch that the data do not fill', () => {
    expect(() => stepsPerEpoch(100, 128)).toThrow(/100 training images do not fill one batch of 128/);
  });
});

it.each([
  [{ epochs: 2, warmupSteps: 30 }, '30 steps and the run 8'],
  [{ epochs: 5, warmupEpochs: 5 }, 'warmupEpochs'],
  [{ epochs: 5, warmupEpochs: 20, unit: 'epoch' }, '80 steps and the run 20'],
  [{ epochs: 5, warmupEpochs: 4.5 }, ''],
  [{ epochs: 5 }, ''],
] as const)('a warm-up as long as the run is warned of: %j', (schedule, said) => {
  expect(warmupWarning(config(1e-3, schedule), 4).join()).toContain(said);
  expect(warmupWarning(config(1e-3, schedule), 4)).toHaveLength(said === '' ? 0 : 1);
});
