import { describe, expect, it } from 'vitest';
import { describeEffect, effectOf, summarise, tCritical, tWithin } from '../../src/sweeps/statistics.ts';

describe('Student’s t', () => {
  /** scipy.stats.t.ppf(0.975, df), SciPy 1.17.1. */
  it.each([
    [1, 12.706204736174694],
    [2, 4.302652729749464],
    [3, 3.182446305283708],
    [4, 2.7764451051977934],
    [5, 2.5705818356363146],
    [6, 2.4469118511449692],
    [9, 2.2621571627982049],
    [30, 2.0422724563012378],
    [101, 1.9837310035297164],
  ])('has 95 % of %i degrees of freedom within %f', (df, t) => {
    expect(tCritical(df)).toBeCloseTo(t, 7);
    expect(tWithin(t, df)).toBeCloseTo(0.95, 9);
  });

  it('has wider limits for a larger share', () => {
    // scipy.stats.t.ppf(1 - 0.05 / 6, 6)
    expect(tCritical(6, 1 - 0.05 / 3)).toBeCloseTo(3.2875, 3);
  });
});

describe('a sample', () => {
  it('has a mean with its interval', () => {
    const { mean, sd, low, high } = summarise([80.1, 80.4, 80.3]);
    expect(mean).toBeCloseTo(80.26667, 5);
    expect(sd).toBeCloseTo(0.1527525, 6);
    expect(high! - mean).toBeCloseTo(0.379457, 4); // 4.302653 · 0.1527525 / √3
    expect(mean - low!).toBeCloseTo(high! - mean, 12);
  });

  it('of one value has no interval', () => {
    expect(summarise([80])).toEqual({
      values: [80],
      mean: 80,
      sd: undefined,
      low: undefined,
      high: undefined,
    });
  });
});

describe('the effect', () => {
  const point = (label: string, ...values: number[]) => ({ label, sample: summarise(values) });

  it('is seen where the points lie farther apart than their seeds', () => {
    const effect = effectOf([point('3', 60, 61, 62), point('7', 70, 71, 72), point('13', 75, 76, 77)])!;
    expect(effect).toMatchObject({ range: 15, highest: '13', lowest: '3', sd: 1, df: 6 });
    expect(effect.leastDifference).toBeCloseTo(3.2875 * Math.sqrt(2 / 3), 3);
    expect(describeEffect(effect, 'points')).toMatch(
      /span 15\.00 points \(13 highest, 3 lowest\), 15\.0 times.*differ by more/,
    );
  });

  it('is not claimed where the seeds differ as much', () => {
    const effect = effectOf([point('3', 60, 64, 62), point('7', 61, 65, 63)])!;
    expect(describeEffect(effect, 'points')).toMatch(/no difference .* can be told/);
  });

  it('is not claimed from single seeds', () => {
    const effect = effectOf([point('3', 60), point('7', 70)])!;
    expect(effect.sd).toBeUndefined();
    expect(describeEffect(effect, 'points')).toMatch(/one seed per point/);
  });

  it('pools seeds of different number', () => {
    const effect = effectOf([point('3', 60, 62), point('7', 70, 71, 72, 73)])!;
    expect(effect.df).toBe(4);
    expect(effect.sd).toBeCloseTo(Math.sqrt((2 + 5) / 4), 12);
  });

  it('needs two points', () => {
    expect(effectOf([point('3', 60, 62)])).toBeUndefined();
  });
});
