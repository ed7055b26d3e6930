/** Means over seeds and what can be said of them. */
import { FrameworkError } from '../util/errors.ts';

export interface Sample {
  readonly values: readonly number[];
  readonly mean: number;
  /** Standard deviation with n − 1; undefined for one value. */
  readonly sd: number | undefined;
  /** 95 % interval of the mean by Student's t; undefined for one value. */
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/** @example summarise([80.1, 80.4, 80.3]).mean */
export function summarise(values: readonly number[]): Sample {
  const n = values.length;
  if (n === 0) throw new FrameworkError('internal/empty-sample', 'The mean of no value was asked for.');
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { values, mean, sd: undefined, low: undefined, high: undefined };
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const half = (tCritical(n - 1) * sd) / Math.sqrt(n);
  return { values, mean, sd, low: mean - half, high: mean + half };
}

/** Probability that |t| is at most `t`, for whole degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4). */
export function tWithin(t: number, df: number): number {
  const angle = Math.atan(t / Math.sqrt(df));
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = df % 2 === 1;
  let term = isOdd ? cos : 1;
  let sum = df === 1 ? 0 : term;
  for (let k = isOdd ? 2 : 1; k <= df - 3; k += 2) {
    term *= (k / (k + 1)) * cos * cos;
    sum += term;
  }
  return isOdd ? (2 / Math.PI) * (angle + sin * sum) : sin * sum;
}

/** The t that a share of Student's distribution lies within. */
export function tCritical(df: number, share = 0.95): number {
  let [low, high] = [0, 1e5];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (tWithin(middle, df) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** How far the points lie apart beside how far the seeds of one point do. */
export interface Effect {
  /** Largest mean minus smallest. */
  readonly range: number;
  readonly highest: string;
  readonly lowest: string;
  /** Standard deviation of the seeds of one point, pooled over the points; undefined without a point of two seeds. */
  readonly sd: number | undefined;
  readonly df: number;
  /**
   * Points whose means differ by less are within the noise: t · sd · √(1/n₁ + 1/n₂) of the highest and the lowest, where t leaves out
   * 5 % shared among all pairs of points (Bonferroni), since the farthest pair is the one that is looked at.
   */
  readonly leastDifference: number | undefined;
}

/** Undefined for fewer than two points. */
export function effectOf(
  points: readonly { readonly label: string; readonly sample: Sample }[],
): Effect | undefined {
  const sorted = [...points].sort((a, b) => a.sample.mean - b.sample.mean);
  const [lowest, highest] = [sorted[0], sorted.at(-1)];
  if (lowest === undefined || highest === undefined || points.length < 2) return undefined;
  const df = points.reduce((sum, { sample }) => sum + sample.values.length - 1, 0);
  const squares = points.reduce(
    (sum, { sample }) => sum + (sample.sd ?? 0) ** 2 * (sample.values.length - 1),
    0,
  );
  const sd = df === 0 ? undefined : Math.sqrt(squares / df);
  const pairs = (points.length * (points.length - 1)) / 2;
  const weight = Math.sqrt(1 / lowest.sample.values.length + 1 / highest.sample.values.length);
  return {
    range: highest.sample.mean - lowest.sample.mean,
    highest: highest.label,
    lowest: lowest.label,
    sd,
    df,
    leastDifference: sd === undefined ? undefined : tCritical(df, 1 - 0.05 / pairs) * sd * weight,
  };
}

/** The effect in one sentence. @param unit `points` */
export function describeEffect(effect: Effect, unit: string): string {
  const { range, highest, lowest, sd, df, leastDifference } = effect;
  const span = `The means span ${range.toFixed(2)} ${unit} (${highest} highest, ${lowest} lowest)`;
  if (sd === undefined || leastDifference === undefined)
    return `${span}; with one seed per point, nothing is known of the noise between seeds, so no difference can be told from it.`;
  const freedom = `(pooled, ${df} degrees of freedom)`;
  const noise =
    sd === 0
      ? `and the seeds of one point do not differ ${freedom}`
      : `${(range / sd).toFixed(1)} times the standard deviation between seeds of one point, ${sd.toFixed(2)} ${freedom}`;
  const verdict =
    range > leastDifference
      ? 'the highest and the lowest differ by more'
      : 'no difference between the points can be told from the noise';
  return (
    `${span}, ${noise}. ` +
    `A difference of less than ${leastDifference.toFixed(2)} ${unit} between any two points is within that noise (95 %, all pairs); ${verdict}.`
  );
}
