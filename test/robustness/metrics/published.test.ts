import { describe, expect, it } from 'vitest';
import { mean, summariseCorruptions } from '../../../src/robustness/metrics/corruption-error.ts';
import { alexnetImagenetC, alexnetImagenetP } from '../../../src/robustness/metrics/normalisers.ts';
import {
  clipInstability,
  descendingOrder,
  framePairs,
  summarisePerturbations,
  topFiveDistance,
  zipfDistance,
} from '../../../src/robustness/metrics/stability.ts';
import { Rng } from '../../../src/util/rng.ts';

/** Mean errors in % of ResNeXt-101 32x48d-WSL (eminorhan/resnext-wsl results/imagenet_c), in table order. */
const RESNEXT_48D = [
  36.5868, 38.4364, 39.8076, 39.1164, 54.818, 37.5004, 44.4944, 39.6656, 37.8044, 29.9156, 18.376, 32.1096,
  40.2592, 25.6256, 26.9004,
];

const constantErrors = (of: (name: string, i: number) => number) =>
  Object.fromEntries(
    [...alexnetImagenetC().benchmark, ...alexnetImagenetC().extra].map((name, i) => [
      name,
      Array(5).fill(of(name, i)),
    ]),
  ) as Record<string, number[]>;

describe('ImageNet-C aggregates', () => {
  it('ResNeXt-101 32x48d-WSL: un-normalised 36.09, mCE 45.70', () => {
    const summary = summariseCorruptions(constantErrors((_, i) => (RESNEXT_48D[i] ?? 0) / 100));
    expect((100 * summary.meanError15!).toFixed(2)).toBe('36.09');
    expect((100 * summary.mce!).toFixed(2)).toBe('45.70');
  });

  it('AlexNet itself: mCE and relative mCE are exactly 100, its severities average to the published means', () => {
    const { error_by_severity, mean_error, clean_error, benchmark } = alexnetImagenetC();
    const summary = summariseCorruptions(error_by_severity, clean_error);
    for (const name of benchmark) expect(summary.meanError[name]).toBeCloseTo(mean_error[name]!, 5);
    expect(100 * summary.mce!).toBeCloseTo(100, 4);
    expect(100 * summary.relativeMce!).toBeCloseTo(100, 3);
    expect(summary.meanError15).toBeCloseTo(0.788993, 6);
    expect([summary.meanError19, summary.accuracy19Severity5]).toEqual([undefined, undefined]);
  });

  it('the extra four never enter mCE; severity 5 over 19; missing parts leave aggregates empty', () => {
    const { extra } = alexnetImagenetC();
    const errors = constantErrors((name) => (extra.includes(name) ? 0.9 : 0.5));
    const without = constantErrors(() => 0.5);
    expect(summariseCorruptions(errors).mce).toBe(summariseCorruptions(without).mce);
    expect(summariseCorruptions(errors).meanError19).toBeCloseTo((15 * 0.5 + 4 * 0.9) / 19, 12);
    errors.fog = [0, 0, 0, 0, 1];
    expect(summariseCorruptions(errors).accuracy19Severity5).toBeCloseTo((14 * 0.5 + 0 + 4 * 0.1) / 19, 12);
    delete errors.fog;
    expect(summariseCorruptions(errors, 0.2)).toMatchObject({
      mce: undefined,
      relativeMce: undefined,
      meanError15: undefined,
    });
  });
});

describe('ImageNet-P aggregates', () => {
  const models = alexnetImagenetP().reference_models;
  it.each(Object.keys(models))('%s: published flip rates give the published mFR and mean T5D', (name) => {
    const { flip_prob, t5d, mFR_percent, mean_t5d_unnormalised } = models[name]!;
    const summary = summarisePerturbations(flip_prob, t5d);
    expect((100 * summary.mfr!).toFixed(2)).toBe(mFR_percent.toFixed(2));
    expect(summary.meanT5d!.toFixed(4)).toBe(mean_t5d_unnormalised.toFixed(4));
    expect(summary.mt5d).toBeUndefined();
  });

  it('mT5D appears once someone has measured the normalisers', () => {
    const { flip_prob, t5d } = models.resnext101_32x8d!;
    const measured = { ...alexnetImagenetP(), t5d };
    expect(summarisePerturbations(flip_prob, t5d, measured).mt5d).toBeCloseTo(1, 12);
  });
});

describe('distances between rankings', () => {
  /** The reference's form: differences of a cumulative sum that stops at five. */
  const cumulative = (sigma: number[]): number =>
    [0, 1, 2, 3, 4].reduce((sum, i) => sum + Math.abs(i - Math.min(sigma[i]! - 1, 5)), 0);

  it('top-5 distance of every permutation of 6 ranks, by both formulas', () => {
    const permutations = (items: number[]): number[][] =>
      items.length === 0
        ? [[]]
        : items.flatMap((item) =>
            permutations(items.filter((x) => x !== item)).map((rest) => [item, ...rest]),
          );
    for (const sigma of permutations([1, 2, 3, 4, 5, 6])) {
      const logits = Float32Array.from(sigma, (rank) => -rank); // class i has rank sigma[i]
      const order = Uint32Array.from([0, 1, 2, 3, 4, 5]);
      expect(topFiveDistance(order, logits)).toBe(cumulative(sigma));
    }
  });

  it('is 0 for the same order, 15 when all five leave; ties rank by index', () => {
    const order = Uint32Array.from({ length: 12 }, (_, i) => i);
    expect(
      topFiveDistance(
        order,
        Float32Array.from({ length: 12 }, (_, i) => -i),
      ),
    ).toBe(0);
    expect(
      topFiveDistance(
        order,
        Float32Array.from({ length: 12 }, (_, i) => i),
      ),
    ).toBe(15);
    expect(topFiveDistance(order, new Float32Array(12))).toBe(0);
    expect([...descendingOrder(Float32Array.from([1, 3, 3, 2]))]).toEqual([1, 2, 3, 0]);
  });

  it('Zipf distance by its definition', () => {
    const rng = new Rng(6, 'zipf');
    const [from, to] = [rng.permutation(40), rng.permutation(40)];
    let expected = 0;
    for (let i = 1; i <= 40; i++) {
      const sigma = to.indexOf(from[i - 1]!) + 1;
      expected += (1 / i) * Math.abs(1 / i - 1 / sigma);
    }
    expect(zipfDistance(from, to)).toBeCloseTo(expected, 12);
    expect(zipfDistance(from, from)).toBe(0);
  });

  it('noise compares with the first frame, the rest with the frame before; difficulty pools all phases', () => {
    expect(framePairs(4, true)).toEqual([[0, 1], [0, 2], [0, 3]]); // prettier-ignore
    expect(framePairs(4, false)).toEqual([[0, 1], [1, 2], [2, 3]]); // prettier-ignore
    expect(framePairs(5, false, 2)).toEqual([[0, 2], [1, 3], [2, 4]]); // prettier-ignore
    expect([framePairs(31, false).length, framePairs(41, false).length]).toEqual([30, 40]);
    const at = (best: number): Float32Array =>
      Float32Array.from({ length: 10 }, (_, i) => (i === best ? 1 : -i));
    const frames = [at(0), at(1), at(1), at(0), at(2)];
    expect(clipInstability(frames, true)).toMatchObject({ flips: 3, pairs: 4 });
    expect(clipInstability(frames, false)).toMatchObject({ flips: 3, pairs: 4 });
    expect(clipInstability(frames, false, 3)).toMatchObject({ flips: 1, pairs: 2 });
    const { t5d } = clipInstability([at(0), at(1)], false);
    expect(t5d).toBe(2);
    expect(mean([1, 2])).toBe(1.5);
  });
});
