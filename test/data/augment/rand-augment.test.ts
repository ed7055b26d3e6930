import { describe, expect, test } from 'vitest';
import { applyJitter, drawJitter } from '../../../src/data/augment/color-jitter.ts';
import { brightness, color, contrast } from '../../../src/data/augment/pillow-ops.ts';
import {
    applyAugment,
    drawRandAugment,
    drawThreeAugment,
    parseRandAugment,
    RAND_AUGMENT_OPS,
    stepArgument,
} from '../../../src/data/augment/rand-augment.ts';
import { Rng } from '../../../src/util/rng.ts';
import { texture } from '../image/golden.ts';

describe('parseRandAugment', () => {
  test('the recipe of ConvNeXt', () => {
    expect(parseRandAugment('rand-m9-mstd0.5-inc1')).toEqual({
      magnitude: 9,
      layers: 2,
      magnitudeStd: 0.5,
      magnitudeMax: 10,
      increasing: true,
      weighted: false,
    });
  });

  test('defaults and other parts', () => {
    const plain = parseRandAugment('rand');
    expect(plain).toMatchObject({ magnitude: 10, layers: 2, magnitudeStd: 0, increasing: false });
    expect(parseRandAugment('rand-n3-w0-mstd101-m7-mmax15')).toMatchObject({
      magnitude: 7,
      layers: 3,
      magnitudeStd: Infinity,
      magnitudeMax: 15,
      weighted: true,
    });
  });

  test.each(['rand-m9-q1', 'randm9', 'rand-m', 'rand-m9.5', 'rand-w1', 'original', ''])(
    '%j is refused',
    (text) => {
      expect(() => parseRandAugment(text)).toThrow('unknown part');
    },
  );
});

describe('drawRandAugment', () => {
  const config = parseRandAugment('rand-m9-mstd0.5-inc1');
  const draws = Array.from({ length: 6000 }, (_, i) => drawRandAugment(config, new Rng(1, 'test', i)));

  test('half of the chosen operations run, each kind equally often', () => {
    const steps = draws.flat();
    // 12,000 choices at ½: standard deviation 55; each of 15 kinds 400 ± 20.
    expect(Math.abs(steps.length - 6000)).toBeLessThan(220);
    for (const op of RAND_AUGMENT_OPS)
      expect(Math.abs(steps.filter((step) => step.op === op).length - 400)).toBeLessThan(90);
    const empty = draws.filter((steps) => steps.length === 0).length / draws.length;
    expect(Math.abs(empty - 0.25)).toBeLessThan(0.025);
  });

  test('magnitudes are normal about 9, clipped at 10, and signs even', () => {
    const degrees = draws.flat().flatMap((step) => (step.op === 'Rotate' ? [step.argument] : []));
    const magnitudes = degrees.map((degree) => Math.abs(degree) / 3);
    const mean = magnitudes.reduce((sum, m) => sum + m, 0) / magnitudes.length;
    expect(Math.abs(mean - 9)).toBeLessThan(0.1);
    expect(Math.max(...magnitudes)).toBeLessThanOrEqual(10);
    expect(Math.abs(degrees.filter((degree) => degree > 0).length / degrees.length - 0.5)).toBeLessThan(0.1);
    const bits = draws.flat().flatMap((step) => (step.op === 'Posterize' ? [step.argument] : []));
    expect(new Set(bits)).toEqual(new Set([0, 1]));
  });

  test('a draw depends on its stream alone', () => {
    expect(drawRandAugment(config, new Rng(1, 'test', 17))).toEqual(draws[17]);
  });

  test('weights choose geometry most, never posterize, and never one operation twice', () => {
    const weighted = parseRandAugment('rand-m9-w0');
    const all = Array.from({ length: 2000 }, (_, i) => drawRandAugment(weighted, new Rng(2, 'test', i)));
    const count = (op: string): number => all.flat().filter((step) => step.op === op).length;
    expect(count('Posterize') + count('Invert')).toBe(0);
    expect(count('Rotate')).toBeGreaterThan(count('ShearX'));
    expect(count('ShearX')).toBeGreaterThan(count('TranslateXRel'));
    expect(all.every((steps) => new Set(steps.map((step) => step.op)).size === steps.length)).toBe(true);
  });

  test('uniform magnitudes cover the range', () => {
    const uniform = parseRandAugment('rand-m10-mstd101-inc1');
    const shears = Array.from({ length: 8000 }, (_, i) => drawRandAugment(uniform, new Rng(3, 'test', i)))
      .flat()
      .flatMap((step) => (step.op === 'ShearX' ? [Math.abs(step.argument)] : []));
    const mean = shears.reduce((sum, value) => sum + value, 0) / shears.length;
    expect(Math.abs(mean - 0.15)).toBeLessThan(0.02);
  });
});

describe('arguments at the recipe’s magnitude', () => {
  test('values of the published table at m = 9', () => {
    expect(stepArgument('Rotate', 9, -1, true)).toBeCloseTo(-27);
    expect(stepArgument('Posterize', 9, 1, true)).toBe(1);
    expect(stepArgument('Posterize', 7.4, 1, true)).toBe(2);
    expect(stepArgument('Posterize', 10, 1, true)).toBe(0);
    expect(stepArgument('Solarize', 9, 1, true)).toBe(26);
    expect(stepArgument('SolarizeAdd', 9, 1, true)).toBe(99);
    expect(stepArgument('Color', 9, 1, true)).toBeCloseTo(1.81);
    expect(stepArgument('Sharpness', 10, -1, true)).toBeCloseTo(0.1);
    expect(stepArgument('TranslateXRel', 9, 1, true) * 224).toBeCloseTo(90.72);
  });

  test('magnitudes above 10 stay within what the operations accept', () => {
    expect(stepArgument('Posterize', 30, 1, true)).toBe(0);
    expect(stepArgument('Solarize', 30, 1, true)).toBe(0);
    expect(stepArgument('SolarizeAdd', 30, 1, true)).toBe(128);
    expect(stepArgument('Contrast', 30, -1, true)).toBe(0.1);
  });
});

test('three-augment chooses evenly among solarize, grey and blur', () => {
  const steps = Array.from({ length: 3000 }, (_, i) => drawThreeAugment(new Rng(4, 'test', i))).flat();
  for (const op of ['Solarize', 'Desaturate', 'GaussianBlur'])
    expect(Math.abs(steps.filter((step) => step.op === op).length - 1000)).toBeLessThan(110);
  const radii = steps.flatMap((step) => (step.op === 'GaussianBlur' ? [step.argument] : []));
  expect(Math.min(...radii)).toBeGreaterThanOrEqual(0.1);
  expect(Math.max(...radii)).toBeLessThan(2);
  const grey = applyAugment([{ op: 'Desaturate', argument: 0 }], texture(4, 4), {
    filter: 'bicubic',
    fill: [0, 0, 0],
  });
  expect(grey.data[0]).toBe(grey.data[1]);
});

test('colour jitter draws three factors in every order and applies them in turn', () => {
  const plans = Array.from({ length: 600 }, (_, i) => drawJitter(0.4, new Rng(5, 'test', i)));
  expect(new Set(plans.map((plan) => plan.map(({ op }) => op).join())).size).toBe(6);
  const factors = plans.flat().map(({ factor }) => factor);
  expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.6);
  expect(Math.max(...factors)).toBeLessThan(1.4);
  const image = texture(6, 5);
  const plan = [
    { op: 'contrast', factor: 0.7 },
    { op: 'color', factor: 1.3 },
    { op: 'brightness', factor: 0.9 },
  ] as const;
  expect(applyJitter(plan, image)).toEqual(brightness(color(contrast(image, 0.7), 1.3), 0.9));
});
