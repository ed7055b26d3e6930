import { describe, expect, test } from 'vitest';
import { applyMix, cutBox, drawMix, mixTargets } from '../../../src/data/augment/mix.ts';
import type { MixConfig, MixPlan } from '../../../src/data/augment/mix.ts';
import { Rng } from '../../../src/util/rng.ts';
import { golden } from '../image/golden.ts';

interface MixGolden {
  x: number[];
  labels: number[];
  mixup: { lambda: number; x: number[]; targets: number[] };
  cutmix: { box: [number, number, number, number]; lambda: number; x: number[]; targets: number[] };
}

const CONFIG: MixConfig = { mixup: 0.8, cutmix: 1, prob: 1, switchProb: 0.5, mode: 'batch' };
const SHAPE = [4, 2, 3, 5] as const;

function close(actual: Float32Array, expected: number[]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(3e-7));
}

describe('given plans equal PyTorch', () => {
  const reference = golden<MixGolden>('mix.json');

  test('mixup', () => {
    const { lambda, x: mixed, targets } = reference.mixup;
    const plan: MixPlan = {
      lambda: new Float32Array(4).fill(lambda),
      blend: new Float32Array(4).fill(lambda),
      boxes: new Int32Array(16),
    };
    const x = Float32Array.from(reference.x);
    applyMix(plan, x, SHAPE);
    close(x, mixed);
    close(mixTargets(plan, reference.labels, 3, 0.1), targets);
  });

  test('cutmix', () => {
    const { lambda, box, x: cut, targets } = reference.cutmix;
    const plan: MixPlan = {
      lambda: new Float32Array(4).fill(lambda),
      blend: new Float32Array(4).fill(1),
      boxes: Int32Array.from([...box, ...box, ...box, ...box]),
    };
    const x = Float32Array.from(reference.x);
    applyMix(plan, x, SHAPE);
    expect([...x]).toEqual(cut);
    close(mixTargets(plan, reference.labels, 3, 0.1), targets);
  });

  test('elements mix with the unmixed partner, each in its own way', () => {
    const x = Float32Array.of(1, 2, 30, 40);
    const plan: MixPlan = {
      lambda: Float32Array.of(0.5, 0.5),
      blend: Float32Array.of(0.5, 1),
      boxes: Int32Array.of(0, 0, 0, 0, 0, 1, 1, 2),
    };
    applyMix(plan, x, [2, 1, 1, 2]);
    expect([...x]).toEqual([15.5, 21, 30, 2]);
  });
});

describe('drawMix', () => {
  const draw = (mode: MixConfig['mode'], i: number, overrides: Partial<MixConfig> = {}): MixPlan =>
    drawMix({ ...CONFIG, ...overrides, mode }, new Rng(1, 'mix', i), 8, 32, 24);

  test('lambda of CutMix is the share of pixels kept, and pixels are kept whole', () => {
    let cuts = 0;
    for (let i = 0; i < 400; i++) {
      const { lambda, blend, boxes } = draw('batch', i);
      const [top = 0, bottom = 0, left = 0, right = 0] = boxes;
      const isCut = bottom > top && right > left;
      if (isCut) cuts++;
      expect(lambda[0]).toBeCloseTo(isCut ? 1 - ((bottom - top) * (right - left)) / (32 * 24) : blend[0]!, 6);
      if (isCut) expect(blend[0]).toBe(1);
      expect(bottom <= 32 && right <= 24).toBe(true);
    }
    expect(Math.abs(cuts / 400 - 0.5)).toBeLessThan(0.1);
  });

  test('batch shares one draw, pair one for both partners, elem none', () => {
    const distinct = (plan: MixPlan): number => new Set(plan.lambda).size;
    const options = { cutmix: 0 };
    expect(distinct(draw('batch', 0, options))).toBe(1);
    const pair = draw('pair', 0, options).lambda;
    expect([...pair].reverse()).toEqual([...pair]);
    expect(new Set(pair).size).toBe(4);
    expect(distinct(draw('elem', 0, options))).toBe(8);
  });

  test('prob 0 leaves the batch as it is', () => {
    const plan = draw('elem', 0, { prob: 0 });
    const x = Float32Array.from({ length: 8 * 32 * 24 }, (_, i) => i);
    applyMix(plan, x, [8, 1, 32, 24]);
    expect(x.every((value, i) => value === i)).toBe(true);
    expect([...mixTargets(plan, [0, 1, 0, 1, 0, 1, 0, 1], 2, 0)].slice(0, 4)).toEqual([1, 0, 0, 1]);
  });

  test('Beta(0.8, 0.8) has mean ½ and variance 1/10.4', () => {
    const lambdas = Array.from({ length: 4000 }, (_, i) => draw('batch', i, { cutmix: 0 }).lambda[0]!);
    const mean = lambdas.reduce((a, b) => a + b, 0) / lambdas.length;
    const variance = lambdas.reduce((a, b) => a + (b - mean) ** 2, 0) / lambdas.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1 / 10.4)).toBeLessThan(0.006);
  });

  test('boxes are cut at the border', () => {
    expect(cutBox(0.75, 0, 23, 32, 24)).toEqual([0, 8, 17, 24]);
    expect(cutBox(1, 5, 5, 32, 24)).toEqual([5, 5, 5, 5]);
    expect(cutBox(0, 16, 12, 32, 24)).toEqual([0, 32, 0, 24]);
  });

  test('odd batches, no alphas, wrong labels and shapes are refused', () => {
    expect(() => drawMix(CONFIG, new Rng(1, 'mix'), 3, 4, 4)).toThrow('micro-batch has 3');
    expect(() => draw('batch', 0, { mixup: 0, cutmix: 0 })).toThrow('one must be positive');
    const plan = draw('batch', 0);
    expect(() => mixTargets(plan, [0, 1, 2, 3, 4, 5, 6, 10], 10, 0)).toThrow('label 10');
    expect(() => applyMix(plan, new Float32Array(7), [8, 1, 1, 1])).toThrow('7 came');
  });
});
