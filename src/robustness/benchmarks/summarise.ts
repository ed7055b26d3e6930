import { proportion } from '../metrics/accuracy.ts';
import { mergeCalibration, summariseCalibration } from '../metrics/calibration.ts';
import { mean, summariseCorruptions } from '../metrics/corruption-error.ts';
import { auroc, averagePrecision, falsePositiveRate } from '../metrics/detection.ts';
import { backgroundGap } from '../metrics/imagenet9.ts';
import { alexnetImagenetC } from '../metrics/normalisers.ts';
import { summarisePerturbations } from '../metrics/stability.ts';
import type { Benchmark } from './records.ts';
import type { Metric } from './result.ts';
import type { Tally } from './tally.ts';

/** The tally of each part, in part order. */
export type PartTallies = readonly { readonly name: string; readonly tally: Tally }[];

export interface SummaryOptions {
  /** Print AlexNet-normalised aggregates: only for 224-px images of the 1000 classes. */
  readonly isNormalised: boolean;
  /** Added to the words of aggregates: where the images come from. */
  readonly origin: string;
  /** Top-1 error on clean images (fraction), for relative mCE; measured in generated data. */
  readonly cleanError?: number | undefined;
}

/** A metric in percent from a fraction and its ends. */
function percent(
  id: string,
  label: string,
  protocol: string,
  better: Metric['better'],
  value: number,
  low?: number,
  high?: number,
): Metric {
  const ends = low === undefined || high === undefined ? {} : { low: 100 * low, high: 100 * high };
  return { id, label, protocol, value: 100 * value, ...ends, unit: '%', better };
}

function accuracyMetric(id: string, label: string, protocol: string, correct: number, total: number): Metric {
  const { value, low, high } = proportion(correct, total);
  return percent(id, label, protocol, 'higher', value, low, high);
}

/** Metrics of one part alone. Empty if nothing in it could be scored. */
export function partMetrics(benchmark: Benchmark, tally: Tally): Metric[] {
  if (tally.items === 0) return [];
  switch (benchmark.scoring) {
    case 'classification':
      return [...accuracies(tally, true), ...calibrationMetrics(benchmark, tally)];
    case 'imagenet9':
      return accuracies(tally, false);
    case 'detection':
      return [];
    case 'stability':
      return clipMetrics(tally);
  }
}

function accuracies(tally: Tally, hasTop5: boolean): Metric[] {
  return Object.entries(tally.counts).flatMap(([protocol, { top1, top5 }]) => [
    accuracyMetric('top1', 'top-1', protocol, top1, tally.items),
    ...(hasTop5 ? [accuracyMetric('top5', 'top-5', protocol, top5, tally.items)] : []),
  ]);
}

function calibrationMetrics(benchmark: Benchmark, { calibration, counts }: Tally): Metric[] {
  if (!calibration) return [];
  const protocol = benchmark.restriction === null ? (Object.keys(counts)[0] ?? '') : 'masked200';
  const { ece, rms, nll } = summariseCalibration(calibration);
  return [
    percent('ece', 'ECE', `${protocol}, 15 bins`, 'lower', ece),
    percent('rms-calibration', 'RMS calibration error', `${protocol}, bins of 100`, 'lower', rms),
    { id: 'nll', label: 'NLL', protocol, value: nll, unit: 'nats', better: 'lower' },
  ];
}

/** Mean over clips with a normal interval: clips, not pairs of frames, are independent. */
function clipMean(sum: number, squares: number, n: number): { value: number; low: number; high: number } {
  const value = sum / n;
  const variance = n > 1 ? Math.max(0, (squares - n * value * value) / (n - 1)) : 0;
  const half = 1.959963984540054 * Math.sqrt(variance / n);
  return { value, low: Math.max(0, value - half), high: value + half };
}

function clipMetrics({ clips, items }: Tally): Metric[] {
  if (!clips) return [];
  const flips = clipMean(clips.flips, clips.flipsSquared, items);
  const t5d = clipMean(clips.t5d, clips.t5dSquared, items);
  const plain = 'un-normalised';
  return [
    percent('flip-probability', 'flip probability', plain, 'lower', flips.value, flips.low, flips.high),
    { id: 't5d', label: 'T5D', protocol: plain, ...t5d, unit: '', better: 'lower' },
    {
      id: 'zipf',
      label: 'Zipf distance',
      protocol: plain,
      value: clips.zipf / items,
      unit: '',
      better: 'lower',
    },
  ];
}

/** The aggregates of a benchmark. Those that need a part which is not there are left out, never guessed. */
export function benchmarkMetrics(
  benchmark: Benchmark,
  parts: PartTallies,
  options: SummaryOptions,
): Metric[] {
  const scored = parts.filter(({ tally }) => tally.items > 0);
  switch (benchmark.id) {
    case 'c':
      return corruptionMetrics(scored, options);
    case 'p':
      return perturbationMetrics(scored, options);
    case 'o':
      return detectionMetrics(scored);
    case '9':
      return backgroundMetrics(scored);
    case 'val':
    case 'a':
    case 'r':
    case 'sketch':
    case 'stylized':
      return scored[0] ? partMetrics(benchmark, scored[0].tally) : [];
  }
}

type Ends = 'value' | 'low' | 'high';

function corruptionMetrics(
  parts: PartTallies,
  { isNormalised, origin, cleanError }: SummaryOptions,
): Metric[] {
  const errors: Record<Ends, Record<string, number[]>> = { value: {}, low: {}, high: {} };
  let clean: Metric | undefined;
  for (const { name, tally } of parts) {
    const [corruption = '', severity = ''] = name.split('/');
    const [counts] = Object.values(tally.counts);
    if (!counts) continue;
    const accuracy = proportion(counts.top1, tally.items);
    if (corruption === 'clean') {
      clean = accuracyMetric('clean', 'clean top-1', `severity 0, ${origin}`, counts.top1, tally.items);
      continue;
    }
    const of = { value: 1 - accuracy.value, low: 1 - accuracy.high, high: 1 - accuracy.low };
    for (const end of Object.keys(of) as Ends[])
      (errors[end][corruption] ??= [])[Number(severity) - 1] = of[end];
  }
  const base = clean === undefined ? cleanError : 1 - clean.value / 100;
  const [value, low, high] = [errors.value, errors.low, errors.high].map((e) =>
    summariseCorruptions(e, base),
  ) as [
    ReturnType<typeof summariseCorruptions>,
    ReturnType<typeof summariseCorruptions>,
    ReturnType<typeof summariseCorruptions>,
  ];
  // The ends take every part at its own end: parts share images, so their errors may all err the same way.
  const metric = (
    id: string,
    label: string,
    words: string,
    of: keyof Summaries,
    better: Metric['better'],
  ): Metric[] => {
    const [v, l, h] = [value[of], low[of], high[of]];
    if (v === undefined || l === undefined || h === undefined) return [];
    return [percent(id, label, `${words}, ${origin}`, better, v, Math.min(l, h), Math.max(l, h))];
  };
  return [
    ...(clean ? [clean] : []),
    ...metric('mean-error-15', 'mean error', '15 corruptions, un-normalised', 'meanError15', 'lower'),
    ...metric('mean-error-19', 'mean error', '19 corruptions, un-normalised', 'meanError19', 'lower'),
    ...metric(
      'accuracy-19-severity-5',
      'accuracy',
      '19 corruptions, severity 5',
      'accuracy19Severity5',
      'higher',
    ),
    ...(isNormalised
      ? [
          ...metric('mce', 'mCE', '15 corruptions, AlexNet-normalised', 'mce', 'lower'),
          ...metric(
            'relative-mce',
            'relative mCE',
            '15 corruptions, AlexNet-normalised',
            'relativeMce',
            'lower',
          ),
        ]
      : []),
    ...groupMetrics(value.meanError, origin),
    ...overallCalibration(parts, origin),
  ];
}

type Summaries = Pick<
  ReturnType<typeof summariseCorruptions>,
  'mce' | 'relativeMce' | 'meanError15' | 'meanError19' | 'accuracy19Severity5'
>;

function groupMetrics(meanError: Readonly<Record<string, number>>, origin: string): Metric[] {
  return Object.entries(alexnetImagenetC().groups).flatMap(([group, names]) => {
    const values = names.map((name) => meanError[name]).filter((v) => v !== undefined);
    if (values.length < names.length) return [];
    const words = `${names.length} corruptions, un-normalised, ${origin}`;
    return [percent(`mean-error-${group}`, `mean error, ${group}`, words, 'lower', mean(values))];
  });
}

/** Over all corrupted images together. */
function overallCalibration(parts: PartTallies, origin: string): Metric[] {
  const states = parts.flatMap(({ name, tally }) =>
    tally.calibration && !name.startsWith('clean') ? [tally.calibration] : [],
  );
  if (states.length === 0) return [];
  const { ece, rms } = summariseCalibration(mergeCalibration(states));
  const words = `all corrupted images, ${origin}`;
  return [
    percent('ece', 'ECE', `15 bins, ${words}`, 'lower', ece),
    percent('rms-calibration', 'RMS calibration error', `bins of 100, ${words}`, 'lower', rms),
  ];
}

function perturbationMetrics(parts: PartTallies, { isNormalised, origin }: SummaryOptions): Metric[] {
  const flips: Record<Ends, Record<string, number>> = { value: {}, low: {}, high: {} };
  const t5d: Record<Ends, Record<string, number>> = { value: {}, low: {}, high: {} };
  for (const { name, tally } of parts) {
    if (!tally.clips) continue;
    const flip = clipMean(tally.clips.flips, tally.clips.flipsSquared, tally.items);
    const distance = clipMean(tally.clips.t5d, tally.clips.t5dSquared, tally.items);
    for (const end of ['value', 'low', 'high'] as const) {
      flips[end][name] = flip[end];
      t5d[end][name] = distance[end];
    }
  }
  const [v, l, h] = (['value', 'low', 'high'] as const).map((end) =>
    summarisePerturbations(flips[end], t5d[end]),
  ) as [
    ReturnType<typeof summarisePerturbations>,
    ReturnType<typeof summarisePerturbations>,
    ReturnType<typeof summarisePerturbations>,
  ];
  const words = `10 perturbations, un-normalised, ${origin}`;
  const metrics: Metric[] = [];
  if (isNormalised && v.mfr !== undefined) {
    const normalised = `10 perturbations, AlexNet-normalised, ${origin}`;
    metrics.push(percent('mfr', 'mFR', normalised, 'lower', v.mfr, l.mfr, h.mfr));
    if (v.mt5d !== undefined)
      metrics.push(percent('mt5d', 'mT5D', normalised, 'lower', v.mt5d, l.mt5d, h.mt5d));
  }
  if (v.meanFlipProbability !== undefined)
    metrics.push(
      percent(
        'mean-flip-probability',
        'mean flip probability',
        words,
        'lower',
        v.meanFlipProbability,
        l.meanFlipProbability,
        h.meanFlipProbability,
      ),
    );
  if (v.meanT5d !== undefined && l.meanT5d !== undefined && h.meanT5d !== undefined)
    metrics.push({
      id: 'mean-t5d',
      label: 'mean T5D',
      protocol: words,
      value: v.meanT5d,
      low: l.meanT5d,
      high: h.meanT5d,
      unit: '',
      better: 'lower',
    });
  return metrics;
}

function detectionMetrics(parts: PartTallies): Metric[] {
  const out = parts.find(({ name }) => name === 'out')?.tally.scores;
  const within = parts.find(({ name }) => name === 'in')?.tally.scores;
  if (!out || !within) return [];
  const words = 'softmax over 200, unknown classes positive';
  return [
    percent('aupr', 'AUPR', words, 'higher', averagePrecision(out, within)),
    percent('auroc', 'AUROC', words, 'higher', auroc(out, within)),
    percent('fpr95', 'FPR at 95 % recall', words, 'lower', falsePositiveRate(out, within)),
  ];
}

function backgroundMetrics(parts: PartTallies): Metric[] {
  const metrics = parts.flatMap(({ name, tally }) => {
    const counts = tally.counts.mapped9;
    return counts ? [accuracyMetric(name, name.replace('_', '-'), 'mapped9', counts.top1, tally.items)] : [];
  });
  const of = (name: string): Metric | undefined => metrics.find((metric) => metric.id === name);
  const [same, random] = [of('mixed_same'), of('mixed_rand')];
  if (!same || !random) return metrics;
  const half = Math.hypot(...[same, random].map((m) => ((m.high ?? m.value) - (m.low ?? m.value)) / 2));
  const value = backgroundGap(same.value, random.value);
  const gap = { value, low: value - half, high: value + half, unit: 'points', better: 'lower' } as const;
  const main = metrics.filter(({ id }) => ['original', 'mixed_same', 'mixed_rand'].includes(id));
  const others = metrics.filter((metric) => !main.includes(metric));
  return [...main, { id: 'bg-gap', label: 'BG-Gap', protocol: 'Mixed-Same − Mixed-Rand', ...gap }, ...others];
}
