/** Numbers with intervals: over seeds, and differences of two. */
import { summarise } from '../sweeps/statistics.ts';

/** A value with its 95 % interval, where one is known. */
export interface Estimate {
  readonly value: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/** Of one measurement its own interval; of several seeds their mean with Student's. */
export function meanOf(measured: readonly Estimate[]): Estimate {
  const [first, ...others] = measured;
  if (first !== undefined && others.length === 0) return first;
  const { mean, low, high } = summarise(measured.map(({ value }) => value));
  return { value: mean, low, high };
}

/**
 * a − b. The interval is that of independent estimates from their own intervals (Zou & Donner 2008, MOVER); of models on the same images it
 * is wider than need be.
 */
export function difference(a: Estimate, b: Estimate): Estimate {
  const value = a.value - b.value;
  if (a.low === undefined || a.high === undefined || b.low === undefined || b.high === undefined)
    return { value, low: undefined, high: undefined };
  return {
    value,
    low: value - Math.hypot(a.value - a.low, b.high - b.value),
    high: value + Math.hypot(a.high - a.value, b.value - b.low),
  };
}

/** The mean of estimates that may all err the same way: the ends are the means of the ends. */
export function averageOf(estimates: readonly Estimate[]): Estimate {
  const mean = (values: readonly (number | undefined)[]): number | undefined =>
    values.some((value) => value === undefined)
      ? undefined
      : values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length;
  return {
    value: mean(estimates.map(({ value }) => value)) ?? NaN,
    low: mean(estimates.map(({ low }) => low)),
    high: mean(estimates.map(({ high }) => high)),
  };
}

export function minusOf({ value, low, high }: Estimate): Estimate {
  return {
    value: -value,
    low: high === undefined ? undefined : -high,
    high: low === undefined ? undefined : -low,
  };
}

/** An answer to a question. */
export type Verdict = 'yes' | 'no' | 'undecided';

/** Whether a quantity is above zero, beyond its interval. */
export function isPositive({ low, high }: Estimate): Verdict {
  if (low !== undefined && low > 0) return 'yes';
  if (high !== undefined && high < 0) return 'no';
  return 'undecided';
}

/** Of statements that all have to hold. */
export function allOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('no')) return 'no';
  return verdicts.length > 0 && verdicts.every((verdict) => verdict === 'yes') ? 'yes' : 'undecided';
}
