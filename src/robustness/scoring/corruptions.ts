import { proportion } from '../metrics/accuracy.ts';
import { mergeCalibration, summariseCalibration } from '../metrics/calibration.ts';
import { mean, summariseCorruptions, type CorruptionSummary } from '../metrics/corruption-error.ts';
import { alexnetImagenetC } from '../metrics/normalisers.ts';
import { classification } from './classification.ts';
import { accuracyMetric, percent, whyMissing } from './metric.ts';
import type { AbsentMetric, Metric, MetricRow, Summary } from './metric.ts';
import type { PartTallies, Scoring, SummaryOptions } from './scoring.ts';

const UNCORRUPTED = 'clean';

/** ImageNet-C: every corruption at every severity is classified; the aggregates are over them. */
export const corruptionErrors: Scoring = {
  ...classification(null),
  summarise,
  report: {
    figures: ['mce', 'mean-error-15', 'accuracy-19-severity-5'],
    curves: { metric: 'top1', over: 'severity' },
    // The leaderboard's own number where it can be computed, else the plain one.
    rows: { by: 'corruption', tables: [['ce', 'mean-error']] },
  },
};

interface Aggregate {
  readonly id: string;
  readonly label: string;
  readonly words: string;
  readonly of: 'mce' | 'relativeMce' | 'meanError15' | 'meanError19' | 'accuracy19Severity5';
  readonly over: 15 | 19;
  readonly severities: readonly number[];
  readonly better: Metric['better'];
}

const ALL = [1, 2, 3, 4, 5];
const NORMALISED = '15 corruptions, AlexNet-normalised';
const AGGREGATES: readonly Aggregate[] = [
  { id: 'mean-error-15', label: 'mean error', words: '15 corruptions, un-normalised', of: 'meanError15', over: 15, severities: ALL, better: 'lower' },
  { id: 'mean-error-19', label: 'mean error', words: '19 corruptions, un-normalised', of: 'meanError19', over: 19, severities: ALL, better: 'lower' },
  { id: 'accuracy-19-severity-5', label: 'accuracy', words: '19 corruptions, severity 5', of: 'accuracy19Severity5', over: 19, severities: [5], better: 'higher' },
  { id: 'mce', label: 'mCE', words: NORMALISED, of: 'mce', over: 15, severities: ALL, better: 'lower' },
  { id: 'relative-mce', label: 'relative mCE', words: NORMALISED, of: 'relativeMce', over: 15, severities: ALL, better: 'lower' },
]; // prettier-ignore

type Ends = 'value' | 'low' | 'high';
type Summaries = Readonly<Record<Ends, CorruptionSummary>>;

function summarise(parts: PartTallies, options: SummaryOptions): Summary {
  const scored = parts.filter(({ tally }) => tally.items > 0);
  const clean = cleanMetric(scored, options);
  const measured = clean === undefined ? undefined : 1 - clean.value / 100;
  const base = measured ?? ('error' in options.clean ? options.clean.error : undefined);
  const summaries = summariesOf(scored, base);
  const found = new Set(scored.map(({ name }) => name));
  const aggregates = AGGREGATES.map((aggregate) => {
    const why = whyAbsent(aggregate, found, base, options);
    const { id, label, words } = aggregate;
    return why === undefined
      ? { metric: aggregateMetric(aggregate, summaries, options) }
      : { absent: { id, label, protocol: words, why } };
  });
  return {
    metrics: [
      ...(clean ? [clean] : []),
      ...aggregates.flatMap(({ metric }): Metric[] => (metric ? [metric] : [])),
      ...groupMetrics(summaries.value.meanError, options.origin),
      ...overallCalibration(scored, options.origin),
    ],
    absent: aggregates.flatMap(({ absent }): AbsentMetric[] => (absent ? [absent] : [])),
    rows: rowsOf(summaries, options),
  };
}

export function cleanMetric(parts: PartTallies, { origin }: SummaryOptions): Metric | undefined {
  const tally = parts.find(({ name }) => name === `${UNCORRUPTED}/0`)?.tally;
  const [counts] = Object.values(tally?.counts ?? {});
  if (tally === undefined || counts === undefined) return undefined;
  return accuracyMetric('clean', 'clean top-1', `severity 0, ${origin}`, counts.top1, tally.items);
}

/** The ends take every part at its own end: parts share images, so their errors may all err the same way. */
function summariesOf(parts: PartTallies, cleanError: number | undefined): Summaries {
  const errors: Record<Ends, Record<string, number[]>> = { value: {}, low: {}, high: {} };
  for (const { name, tally } of parts) {
    const [corruption = '', severity = ''] = name.split('/');
    const [counts] = Object.values(tally.counts);
    if (!counts || corruption === UNCORRUPTED) continue;
    const accuracy = proportion(counts.top1, tally.items);
    const of = { value: 1 - accuracy.value, low: 1 - accuracy.high, high: 1 - accuracy.low };
    for (const end of Object.keys(of) as Ends[])
      (errors[end][corruption] ??= [])[Number(severity) - 1] = of[end];
  }
  const at = (end: Ends): CorruptionSummary => summariseCorruptions(errors[end], cleanError);
  return { value: at('value'), low: at('low'), high: at('high') };
}

/** Why an aggregate cannot be computed, or undefined. */
function whyAbsent(
  { of, over, severities }: Aggregate,
  found: ReadonlySet<string>,
  cleanError: number | undefined,
  { normalised, clean }: SummaryOptions,
): string | undefined {
  const isNormalised = of === 'mce' || of === 'relativeMce';
  if (isNormalised && normalised !== true) return normalised.not;
  const { benchmark, extra } = alexnetImagenetC();
  const names = over === 15 ? benchmark : [...benchmark, ...extra];
  const needed = names.flatMap((name) => severities.map((severity) => `${name}/${severity}`));
  const missing = needed.filter((part) => !found.has(part));
  if (missing.length > 0) return whyMissing(needed, missing);
  if (of === 'relativeMce' && cleanError === undefined)
    return `it needs the clean error: ${'unknown' in clean ? clean.unknown : 'it was not measured'}`;
  return undefined;
}

function aggregateMetric(aggregate: Aggregate, summaries: Summaries, options: SummaryOptions): Metric {
  const { id, label, words, of, better } = aggregate;
  const [value, low, high] = [summaries.value[of], summaries.low[of], summaries.high[of]] as [
    number,
    number,
    number,
  ];
  const { clean, origin } = options;
  const base = of === 'relativeMce' && 'of' in clean ? `, clean error of ${clean.of}` : '';
  const ends = { low: Math.min(low, high), high: Math.max(low, high) };
  return percent({ id, label, protocol: `${words}${base}, ${origin}`, better }, value, ends);
}

function groupMetrics(meanError: Readonly<Record<string, number>>, origin: string): Metric[] {
  return Object.entries(alexnetImagenetC().groups).flatMap(([group, names]) => {
    const values = names.map((name) => meanError[name]).filter((v) => v !== undefined);
    if (values.length < names.length) return [];
    const protocol = `${names.length} corruptions, un-normalised, ${origin}`;
    const name = { id: `mean-error-${group}`, label: `mean error, ${group}`, protocol } as const;
    return [percent({ ...name, better: 'lower' }, mean(values))];
  });
}

/** Over all corrupted images together. */
export function overallCalibration(parts: PartTallies, origin: string): Metric[] {
  const states = parts.flatMap(({ name, tally }) =>
    tally.calibration && !name.startsWith(`${UNCORRUPTED}/`) ? [tally.calibration] : [],
  );
  if (states.length === 0) return [];
  const { ece, rms } = summariseCalibration(mergeCalibration(states));
  const words = `all corrupted images, ${origin}`;
  const error = { id: 'rms-calibration', label: 'RMS calibration error', better: 'lower' } as const;
  return [
    percent({ id: 'ece', label: 'ECE', protocol: `15 bins, ${words}`, better: 'lower' }, ece),
    percent({ ...error, protocol: `bins of 100, ${words}` }, rms),
  ];
}

/** Error over the five severities, CE and relative CE of every corruption that was measured at all five. */
function rowsOf({ value, low, high }: Summaries, { normalised }: SummaryOptions): MetricRow[] {
  const { benchmark, extra, groups } = alexnetImagenetC();
  const groupOf = (name: string): string =>
    Object.entries(groups).find(([, names]) => names.includes(name))?.[0] ?? 'extra';
  type Of = 'meanError' | 'ce' | 'relativeCe';
  const metric = (name: string, of: Of, id: string, label: string, protocol: string): Metric[] => {
    const [v, l, h] = [value[of][name], low[of][name], high[of][name]];
    if (v === undefined || l === undefined || h === undefined) return [];
    return [percent({ id, label, protocol, better: 'lower' }, v, { low: l, high: h })];
  };
  return [...benchmark, ...extra].flatMap((name): MetricRow[] => {
    const metrics = [
      ...metric(name, 'meanError', 'mean-error', 'mean error', 'un-normalised'),
      ...(normalised === true ? metric(name, 'ce', 'ce', 'CE', 'AlexNet-normalised') : []),
      ...(normalised === true
        ? metric(name, 'relativeCe', 'relative-ce', 'relative CE', 'AlexNet-normalised')
        : []),
    ];
    return metrics.length === 0 ? [] : [{ name, group: groupOf(name), metrics }];
  });
}
