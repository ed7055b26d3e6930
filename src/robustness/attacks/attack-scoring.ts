import { proportion } from '../metrics/accuracy.ts';
import { sweepScoring } from '../analyses/sweep-scoring.ts';
import type { AttackPoint, Curve, CurvePoint, Plot } from '../scoring/curve.ts';
import { accuracyMetric, type Metric, type Summary } from '../scoring/metric.ts';
import type { PartTallies, Scoring } from '../scoring/scoring.ts';
import type { Tally } from '../scoring/tally.ts';
import { AFTER } from './standing.ts';

export function attackPlot(name: string, norm: string, space: string): Plot {
  return {
    id: 'eps',
    title: `Accuracy under ${name}`,
    xLabel: `ε, ${norm === 'linf' ? 'l∞' : norm} in ${space === 'pixel' ? 'pixels of [0, 1]' : 'normalised values'}`,
    yLabel: 'top-1, %',
    yMin: 0,
  };
}

/** Counts right predictions at every ε; the points carry what else is known. @param id of the attack */
export function attackScoring(id: string, plot: Plot): Scoring {
  const sweep = sweepScoring({ plots: [plot], beginsClean: true, series: [id] });
  return {
    ...sweep,
    summarise: (parts, options) => {
      const summary = sweep.summarise(parts, options);
      const points = attackPoints(parts);
      const withNotes = (point: CurvePoint) => {
        const attack = points.find(({ eps }) => eps === point.x);
        return attack === undefined ? point : { ...point, attack };
      };
      const curves = summary.curves?.map((curve): Curve => ({
        ...curve,
        points: curve.points.map(withNotes),
      }));
      return {
        ...summary,
        metrics: [...summary.metrics, ...robustAccuracies(summary)],
        ...(curves && { curves }),
      };
    },
  };
}

/** Accuracy at every ε beyond 0, for tables. */
function robustAccuracies({ metrics: [clean], curves = [] }: Summary): Metric[] {
  if (clean === undefined) return [];
  return curves
    .flatMap(({ points }) => points)
    .filter(({ x }) => x > 0)
    .map(({ x, correct = 0, total = 0 }) =>
      accuracyMetric(`top1-${x}`, `top-1, ε ${Number(x.toPrecision(4))}`, clean.protocol, correct, total),
    );
}

/** Parts are named `<attack>/<ε>/0`; the first are the clean images. */
function attackPoints(parts: PartTallies): AttackPoint[] {
  const clean = parts[0]?.tally.outcomes?.correct ?? '';
  if (clean === '') return [];
  return parts.map(({ name, tally }, i) => pointOf(i === 0 ? 0 : Number(name.split('/')[1]), tally, clean));
}

function pointOf(eps: number, tally: Tally, clean: string): AttackPoint {
  const bits = tally.outcomes?.correct ?? '';
  const { sums = {}, maxima = {} } = tally.notes ?? {};
  const count = (holds: (now: string, before: string) => boolean) =>
    [...bits].filter((bit, i) => holds(bit, clean[i] ?? '')).length;
  const { correct, total, value, low, high } = proportion(
    count((now) => now === '1'),
    bits.length,
  );
  const cleanCorrect = count((_, before) => before === '1');
  const flipped = count((now, before) => before === '1' && now === '0');
  const attacked = sums['attacked'] ?? 0;
  const standing = Object.entries(sums).flatMap(([name, sum]) =>
    name.startsWith(AFTER) ? [[name.slice(AFTER.length), sum] as const] : [],
  );
  return {
    ...{ eps, correct, total, accuracy: value, low, high, cleanCorrect, flipped },
    success: cleanCorrect === 0 ? null : intervalOf(flipped, cleanCorrect),
    attacked,
    untouched: sums['untouched'] ?? 0,
    zeros: attacked === 0 ? 0 : (sums['zeros'] ?? 0) / attacked,
    ...(sums['hit'] === undefined ? {} : { hit: sums['hit'] }),
    linf: maxima['linf'] ?? 0,
    l2: (sums['l2'] ?? 0) / bits.length,
    ...(standing.length === 0 ? {} : { standing: Object.fromEntries(standing) }),
    ...(sums['completeness'] === undefined || attacked === 0
      ? {}
      : { completeness: { mean: sums['completeness'] / attacked, max: maxima['completeness'] ?? 0 } }),
  };
}

function intervalOf(count: number, total: number) {
  const { value, low, high } = proportion(count, total);
  return { value, low, high };
}

/** What makes numbers doubtful, in words. */
export function attackWarnings(points: readonly AttackPoint[]): string[] {
  const warnings: string[] = [];
  for (const { eps, untouched, attacked } of points)
    if (untouched > 0)
      warnings.push(
        `ε ${eps}: ${untouched} of ${attacked} attacked images were left untouched, because their gradient is exactly zero; that hides the way and is no robustness`,
      );
  for (const { eps, total, standing } of points) {
    const [before = 0, after = 0] = Object.values(standing ?? {}).slice(-2);
    // The limit of the reference implementation.
    if (before - after > 0.002 * total)
      warnings.push(
        `ε ${eps}: Square, which sees no gradients, fooled the model with ${before - after} images that attacks with gradients left standing; gradients seem to hide the way`,
      );
  }
  for (const [i, point] of points.entries()) {
    const weaker = points
      .slice(0, i)
      .find((before) => before.correct < point.correct && before.high < point.low);
    if (weaker !== undefined)
      warnings.push(
        `accuracy rises from ε ${weaker.eps} (${weaker.correct}) to ε ${point.eps} (${point.correct}): the attack is too weak or its steps are too long`,
      );
  }
  return warnings;
}
