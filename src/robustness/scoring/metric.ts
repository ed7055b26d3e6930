import { proportion } from '../metrics/accuracy.ts';
import type { Curve } from './curve.ts';

/** One number of a result, as printed: percentages in %, distances as they are. */
export interface Metric {
  /** Stable: `top1`, `mce`, `aupr`, … */
  readonly id: string;
  readonly label: string;
  /** What was computed, in words; numbers of different protocols never share a column. */
  readonly protocol: string;
  readonly value: number;
  /** 95 % interval, where one is known. */
  readonly low?: number;
  readonly high?: number;
  /** The counts whose share `value` is, where the result has them nowhere else. */
  readonly correct?: number;
  readonly total?: number;
  /** Why there is no interval, where its likes have one. */
  readonly noInterval?: string;
  readonly unit: '%' | 'points' | 'nats' | '';
  readonly better: 'higher' | 'lower';
}

/** A number that a reader looks for and that could not be computed. */
export interface AbsentMetric {
  readonly id: string;
  readonly label: string;
  readonly protocol: string;
  readonly why: string;
}

/** The numbers of one corruption over its severities, or of one perturbation. */
export interface MetricRow {
  readonly name: string;
  readonly group: string;
  readonly metrics: readonly Metric[];
}

/** All numbers of a benchmark: those there are, and why the others are not. */
export interface Summary {
  readonly metrics: readonly Metric[];
  readonly absent: readonly AbsentMetric[];
  /** Where a benchmark has corruptions or perturbations. */
  readonly rows?: readonly MetricRow[];
  /** Analyses only. */
  readonly curves?: readonly Curve[];
}

/** An interval, or why there is none. */
export interface Range {
  readonly low?: number;
  readonly high?: number;
  readonly noInterval?: string;
}

/** A metric in percent from a fraction and the ends of its interval. */
export function percent(
  name: Pick<Metric, 'id' | 'label' | 'protocol' | 'better'>,
  value: number,
  { low, high, noInterval }: Range = {},
): Metric {
  return {
    ...name,
    value: 100 * value,
    ...(low === undefined || high === undefined ? {} : { low: 100 * low, high: 100 * high }),
    ...(noInterval === undefined ? {} : { noInterval }),
    unit: '%',
  };
}

/** Correct of total in percent with Wilson's interval. */
export function accuracyMetric(
  id: string,
  label: string,
  protocol: string,
  correct: number,
  total: number,
): Metric {
  const { value, low, high } = proportion(correct, total);
  return percent({ id, label, protocol, better: 'higher' }, value, { low, high });
}

/** Why there is no mean over parts of which some are missing. */
export function whyMissing(needed: readonly string[], missing: readonly string[]): string {
  const some = missing.slice(0, 3).join(', ') + (missing.length > 3 ? ', …' : '');
  return `it needs ${needed.length} parts, and ${missing.length} of them were not measured: ${some}`;
}
