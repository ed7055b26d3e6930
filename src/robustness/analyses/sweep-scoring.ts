import { Z95, logSumExp, rankOf, wilson } from '../metrics/accuracy.ts';
import { fullProtocol } from '../scoring/classification.ts';
import type { Curve, CurvePoint, Plot } from '../scoring/curve.ts';
import { accuracyMetric, type Metric } from '../scoring/metric.ts';
import { NOTHING_SCORED, type PartTallies, type Scoring } from '../scoring/scoring.ts';
import { count, seen, tallyOf, type Tally } from '../scoring/tally.ts';

/** How the points of a sweep become curves, numbers and figures. */
export interface SweepReport {
  readonly plots: readonly Plot[];
  /** The figure of a curve. Default: the only one. */
  readonly plotOf?: (series: string) => string;
  /** The curves begin at 0, with the unchanged images. */
  readonly beginsClean: boolean;
  /** Curves that are there even where they have no points but the unchanged images. */
  readonly series?: readonly string[];
  readonly metrics?: (curves: readonly Curve[]) => Metric[];
}

/** Top-1 at every point, with the images one by one, so that points are compared image by image. */
export function sweepScoring(sweep: SweepReport): Scoring {
  return {
    labelsAreLogits: true,
    scorer: ({ classes }) => ({
      begin: (labels) => ({
        ...tallyOf(labels, [fullProtocol(classes)]),
        outcomes: { correct: '', top1: [], loss: [] },
      }),
      score: (tally, [row], label) => {
        scoreImage(tally, row as Float32Array, label, fullProtocol(classes));
      },
      finish: (tally) => tally,
    }),
    partMetrics: (tally) => {
      const [[protocol, counts] = []] = Object.entries(tally.counts);
      if (tally.items === 0 || protocol === undefined || counts === undefined) return [];
      return [accuracyMetric('top1', 'top-1', protocol, counts.top1, tally.items)];
    },
    summarise: (parts) => summarise(sweep, parts),
    report: { figures: [], plots: sweep.plots },
  };
}

function scoreImage(tally: Tally, logits: Float32Array, label: number, protocol: string): void {
  const lse = logSumExp(logits); // refuses logits that are not numbers
  const rank = rankOf(logits, label);
  seen(tally, label);
  count(tally, protocol, rank, label);
  const { outcomes } = tally;
  if (outcomes === undefined) return;
  outcomes.correct += rank === 0 ? '1' : '0';
  outcomes.top1.push(logits.reduce((best, value, i) => (value > (logits[best] as number) ? i : best), 0));
  outcomes.loss.push(Number((lse - (logits[label] as number)).toPrecision(6)));
}

function summarise(sweep: SweepReport, parts: PartTallies) {
  const [clean, ...points] = parts.map(({ name, tally }) => ({ name, bits: tally.outcomes?.correct ?? '' }));
  if (clean === undefined || clean.bits === '')
    return { metrics: [], absent: [{ id: 'top1', label: 'top-1', protocol: '', why: NOTHING_SCORED }] };
  const curves = new Map((sweep.series ?? []).map((name) => [name, new Map<number, string[]>()]));
  // Points are compared image by image, which one that could not be read at some of them alone would shift.
  const whole = points.filter(({ bits }) => bits.length === clean.bits.length);
  for (const { name, bits } of whole) {
    const [series = '', x] = name.split('/');
    const curve = curves.get(series) ?? new Map<number, string[]>();
    curves.set(series, curve.set(Number(x), [...(curve.get(Number(x)) ?? []), bits]));
  }
  const drawn = [...curves].map(([name, byX]): Curve => {
    if (sweep.beginsClean && !byX.has(0)) byX.set(0, [clean.bits]);
    const points = [...byX]
      .sort(([a], [b]) => a - b)
      .map(([x, repeats]): CurvePoint => {
        const point = pointOf(x, repeats, clean.bits);
        // Unchanged images beside themselves: no others would give another change.
        const isClean = sweep.beginsClean && x === 0 && repeats.every((bits) => bits === clean.bits);
        return isClean ? { ...point, change: { value: 0, low: 0, high: 0 } } : point;
      });
    return { name, plot: sweep.plotOf?.(name) ?? sweep.plots[0]?.id ?? '', points };
  });
  const [[protocol = ''] = []] = Object.entries(parts[0]?.tally.counts ?? {});
  const right = ones(clean.bits);
  const others = points.filter((point) => !whole.includes(point));
  return {
    metrics: [
      accuracyMetric('top1', 'top-1, unchanged images', protocol, right, clean.bits.length),
      ...(sweep.metrics?.(drawn) ?? []),
    ],
    absent: others.map(({ name, bits }) => ({
      id: name,
      label: name,
      protocol,
      why: `${bits.length} images were read there, ${clean.bits.length} unchanged`,
    })),
    curves: drawn,
  };
}

function ones(bits: string): number {
  let sum = 0;
  for (const bit of bits) if (bit === '1') sum++;
  return sum;
}

/** Accuracy in % over all repetitions, and its change against the unchanged images in points. */
export function pointOf(x: number, repeats: readonly string[], clean: string): CurvePoint {
  const n = clean.length;
  const counts = repeats.map(ones);
  const correct = counts.reduce((sum, value) => sum + value, 0);
  const total = n * repeats.length;
  const shares = Array.from(
    { length: n },
    (_, i) => repeats.filter((bits) => bits[i] === '1').length / repeats.length,
  );
  const value = correct / total;
  const { low, high } = wilson(value, independent(shares, value, repeats.length));
  const percents = counts.map((right) => (100 * right) / n);
  return {
    x,
    y: 100 * value,
    low: 100 * low,
    high: 100 * high,
    ...(repeats.length > 1 && { min: Math.min(...percents), max: Math.max(...percents) }),
    correct,
    total,
    change: pairedChange(shares, clean),
  };
}

/** So many independent images would give the mean of `shares` its variance: repetitions of one image are not independent. */
function independent(shares: readonly number[], mean: number, repetitions: number): number {
  const n = shares.length;
  if (repetitions === 1) return n;
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / Math.max(1, n - 1);
  return variance === 0 ? n : Math.min(n * repetitions, Math.max(n, (n * mean * (1 - mean)) / variance));
}

/**
 * The mean difference of paired images in points. One image more on either side keeps the interval from vanishing where nearly all images
 * agree (Bonett & Price 2012).
 */
function pairedChange(shares: readonly number[], clean: string): NonNullable<CurvePoint['change']> {
  const differences = shares.map((share, i) => share - Number(clean[i]));
  const n = differences.length;
  const sum = differences.reduce((total, d) => total + d, 0);
  const squares = differences.reduce((total, d) => total + d * d, 2);
  const centre = sum / (n + 2);
  const half = Z95 * Math.sqrt(Math.max(0, squares / (n + 2) - centre ** 2) / (n + 2));
  return {
    value: (100 * sum) / n,
    low: 100 * Math.max(-1, centre - half),
    high: 100 * Math.min(1, centre + half),
  };
}

/** A point's change as a metric. @param x of the point */
export function changeMetric(
  name: Pick<Metric, 'id' | 'label' | 'protocol'>,
  curves: readonly Curve[],
  series: string,
  x: number,
): Metric[] {
  const point = curves.find((curve) => curve.name === series)?.points.find((p) => Math.abs(p.x - x) < 1e-9);
  return point?.change === undefined ? [] : [{ ...name, ...point.change, unit: 'points', better: 'higher' }];
}
