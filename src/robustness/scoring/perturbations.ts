import { alexnetImagenetP } from '../metrics/normalisers.ts';
import { clipInstability, summarisePerturbations, type PerturbationSummary } from '../metrics/stability.ts';
import { percent } from './metric.ts';
import type { AbsentMetric, Metric, MetricRow, Range, Summary } from './metric.ts';
import type { PartContext, PartTallies, Scoring, SummaryOptions } from './scoring.ts';
import { tallyOf, type ClipSums, type Scorer, type Tally } from './tally.ts';

/** ImageNet-P: how often and how far predictions change along clips. */
export const perturbationStability: Scoring = {
  labelsAreLogits: false,
  scorer: stabilityScorer,
  partMetrics: clipMetrics,
  summarise,
  report: {
    figures: ['mfr', 'mean-flip-probability'],
    rows: { by: 'perturbation', tables: [['flip-rate', 'flip-probability']] },
  },
};

/** Noise frames are independent: each is compared with the first, whatever the difficulty. */
function stabilityScorer({ part, step }: PartContext): Scorer {
  const isNoise = part.includes('noise');
  return {
    begin: () => ({ ...tallyOf(0), clips: { flips: 0, flipsSquared: 0, t5d: 0, t5dSquared: 0, zipf: 0 } }),
    score(tally, rows) {
      const sums = tally.clips as ClipSums;
      const { flips, pairs, t5d, zipf } = clipInstability(rows, isNoise, isNoise ? 1 : step);
      const share = flips / pairs;
      tally.items++;
      sums.flips += share;
      sums.flipsSquared += share ** 2;
      sums.t5d += t5d;
      sums.t5dSquared += t5d ** 2;
      sums.zipf += zipf;
    },
    finish: (tally) => tally,
  };
}

/** A mean over clips, and the ends of its interval where it has one. */
type ClipMean = Range & { readonly value: number };

/** Mean over clips with a normal interval: clips, not pairs of frames, are independent. */
function clipMean(sum: number, squares: number, n: number): ClipMean {
  const value = sum / n;
  if (n === 1) return { value, noInterval: 'one clip' };
  const variance = Math.max(0, (squares - n * value * value) / (n - 1));
  const half = 1.959963984540054 * Math.sqrt(variance / n);
  return { value, low: Math.max(0, value - half), high: value + half };
}

function clipMeans({ clips, items }: Tally): { flips: ClipMean; t5d: ClipMean; zipf: number } | undefined {
  if (!clips || items === 0) return undefined;
  return {
    flips: clipMean(clips.flips, clips.flipsSquared, items),
    t5d: clipMean(clips.t5d, clips.t5dSquared, items),
    zipf: clips.zipf / items,
  };
}

const PLAIN = 'un-normalised';
const FLIPS = {
  id: 'flip-probability',
  label: 'flip probability',
  protocol: PLAIN,
  better: 'lower',
} as const;
const T5D = { id: 't5d', label: 'T5D', protocol: PLAIN, unit: '', better: 'lower' } as const;
const ZIPF = { id: 'zipf', label: 'Zipf distance', protocol: PLAIN, unit: '', better: 'lower' } as const;

function clipMetrics(tally: Tally): Metric[] {
  const means = clipMeans(tally);
  if (means === undefined) return [];
  const { flips, t5d, zipf } = means;
  return [percent(FLIPS, flips.value, flips), { ...T5D, ...t5d }, { ...ZIPF, value: zipf }];
}

interface Aggregate {
  readonly id: string;
  readonly label: string;
  readonly of: 'mfr' | 'mt5d' | 'meanFlipProbability' | 'meanT5d';
  readonly unit: '%' | '';
}

const NORMALISED: readonly Aggregate[] = [
  { id: 'mfr', label: 'mFR', of: 'mfr', unit: '%' },
  { id: 'mt5d', label: 'mT5D', of: 'mt5d', unit: '%' },
];
const UNNORMALISED: readonly Aggregate[] = [
  { id: 'mean-flip-probability', label: 'mean flip probability', of: 'meanFlipProbability', unit: '%' },
  { id: 'mean-t5d', label: 'mean T5D', of: 'meanT5d', unit: '' },
];

type Ends = 'value' | 'low' | 'high';

function summarise(parts: PartTallies, options: SummaryOptions): Summary {
  const means = new Map(
    parts.flatMap(({ name, tally }) => {
      const found = clipMeans(tally);
      return found === undefined ? [] : [[name, found] as const];
    }),
  );
  const at = (end: Ends): PerturbationSummary => {
    const ends = (of: 'flips' | 't5d') =>
      Object.fromEntries([...means].map(([name, found]) => [name, found[of][end] ?? found[of].value]));
    return summarisePerturbations(ends('flips'), ends('t5d'));
  };
  const summaries = { value: at('value'), low: at('low'), high: at('high') };
  const { benchmark } = alexnetImagenetP();
  const single = benchmark.find((name) => means.get(name)?.flips.noInterval === 'one clip');
  const noInterval = single === undefined ? undefined : `one clip of ${single}`;
  const metrics: Metric[] = [];
  const absent: AbsentMetric[] = [];
  for (const aggregate of [...NORMALISED, ...UNNORMALISED]) {
    const { id, label, of, unit } = aggregate;
    const isNormalised = NORMALISED.includes(aggregate);
    const protocol = `10 perturbations, ${isNormalised ? 'AlexNet-normalised' : PLAIN}`;
    const why = whyAbsent(of, isNormalised, means, options);
    const [value, low, high] = [summaries.value[of], summaries.low[of], summaries.high[of]];
    if (why !== undefined || value === undefined)
      absent.push({ id, label, protocol, why: why ?? 'it could not be computed' });
    else {
      const range: Range = noInterval === undefined ? ends(low, high) : { noInterval };
      const name = { id, label, protocol: `${protocol}, ${options.origin}`, better: 'lower' } as const;
      metrics.push(unit === '%' ? percent(name, value, range) : { ...name, value, ...range, unit });
    }
  }
  return { metrics, absent, rows: rowsOf(means, summaries, options) };
}

function ends(low: number | undefined, high: number | undefined): Range {
  return low === undefined || high === undefined || high === low ? {} : { low, high };
}

function whyAbsent(
  of: Aggregate['of'],
  isNormalised: boolean,
  means: ReadonlyMap<string, unknown>,
  { normalised }: SummaryOptions,
): string | undefined {
  if (isNormalised && normalised !== true) return normalised.not;
  const { benchmark, t5d } = alexnetImagenetP();
  if (of === 'mt5d' && t5d === null) return 'AlexNet’s top-5 distances have not been published';
  const missing = benchmark.filter((name) => !means.has(name));
  if (missing.length === 0) return undefined;
  return `it needs ${benchmark.length} perturbations, and ${missing.length} were not measured: ${missing.join(', ')}`;
}

/** Flip probability, flip rate and T5D of every perturbation that was measured. */
function rowsOf(
  means: ReadonlyMap<string, { flips: ClipMean; t5d: ClipMean }>,
  summaries: Readonly<Record<Ends, PerturbationSummary>>,
  { normalised }: SummaryOptions,
): MetricRow[] {
  const { benchmark } = alexnetImagenetP();
  const rate = { id: 'flip-rate', label: 'FR', protocol: 'AlexNet-normalised', better: 'lower' } as const;
  return [...means].map(([name, { flips, t5d }]) => {
    const value = summaries.value.flipRate[name];
    const [low, high] = [summaries.low.flipRate[name], summaries.high.flipRate[name]];
    const { noInterval } = flips;
    const range: Range = noInterval === undefined ? ends(low, high) : { noInterval };
    return {
      name,
      group: benchmark.includes(name) ? 'benchmark' : 'validation',
      metrics: [
        percent(FLIPS, flips.value, flips),
        ...(normalised === true && value !== undefined ? [percent(rate, value, range)] : []),
        { ...T5D, ...t5d },
      ],
    };
  });
}
