import { SEVERITIES } from '../corruptions/types.ts';
import { proportion } from '../metrics/accuracy.ts';
import { mean } from '../metrics/corruption-error.ts';
import { classification } from './classification.ts';
import { cleanMetric, overallCalibration } from './corruptions.ts';
import { percent, whyMissing, type Metric, type MetricRow, type Summary } from './metric.ts';
import type { PartTallies, Scoring, SummaryOptions } from './scoring.ts';

/** Top-1 error of a part, and what it is at either end of its interval. */
type Ends = readonly [value: number, low: number, high: number];

/** ImageNet-C-bar: every corruption at every severity is classified, and the errors are averaged, as its paper does. */
export function corruptionMeans(corruptions: readonly string[], group: string): Scoring {
  return {
    ...classification(null),
    summarise: (parts, options) => summarise(parts, options, corruptions, group),
    report: {
      figures: ['mean-error'],
      curves: { metric: 'top1', over: 'severity' },
      rows: { by: 'corruption', tables: [['mean-error']] },
    },
  };
}

function summarise(
  parts: PartTallies,
  options: SummaryOptions,
  corruptions: readonly string[],
  group: string,
): Summary {
  const scored = parts.filter(({ tally }) => tally.items > 0);
  const clean = cleanMetric(scored, options);
  const errors = new Map(
    scored.map(({ name, tally }) => [name, errorsOf(Object.values(tally.counts)[0]?.top1 ?? 0, tally.items)]),
  );
  const needed = corruptions.flatMap((name) => SEVERITIES.map((severity) => `${name}/${severity}`));
  const missing = needed.filter((part) => !errors.has(part));
  const words = `${corruptions.length} corruptions, un-normalised, ${options.origin}`;
  const head = { id: 'mean-error', label: 'mean error', protocol: words, better: 'lower' } as const;
  return {
    metrics: [
      ...(clean ? [clean] : []),
      ...(missing.length === 0 ? [meanOf(head, needed, errors)] : []),
      ...overallCalibration(scored, options.origin),
    ],
    absent: missing.length === 0 ? [] : [{ ...head, why: whyMissing(needed, missing) }],
    rows: rowsOf(corruptions, group, errors),
  };
}

function errorsOf(correct: number, total: number): Ends {
  const { value, low, high } = proportion(correct, total);
  return [1 - value, 1 - high, 1 - low];
}

/** The ends take every part at its own end: parts share images, so their errors may all err the same way. */
function meanOf(
  head: Pick<Metric, 'id' | 'label' | 'protocol' | 'better'>,
  parts: readonly string[],
  errors: ReadonlyMap<string, Ends>,
): Metric {
  const of = (end: 0 | 1 | 2): number => mean(parts.map((part) => errors.get(part)?.[end] ?? NaN));
  return percent(head, of(0), { low: of(1), high: of(2) });
}

function rowsOf(
  corruptions: readonly string[],
  group: string,
  errors: ReadonlyMap<string, Ends>,
): MetricRow[] {
  return corruptions.flatMap((name): MetricRow[] => {
    const parts = SEVERITIES.map((severity) => `${name}/${severity}`);
    if (!parts.every((part) => errors.has(part))) return [];
    const head = {
      id: 'mean-error',
      label: 'mean error',
      protocol: 'un-normalised',
      better: 'lower',
    } as const;
    return [{ name, group, metrics: [meanOf(head, parts, errors)] }];
  });
}
