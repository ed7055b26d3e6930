import { FrameworkError } from '../../util/errors.ts';
import { Z95 } from './accuracy.ts';

/** Counts of a threshold sweep from the highest score down, one entry per distinct score: ties cannot be separated. */
interface Sweep {
  readonly truePositives: readonly number[];
  readonly falsePositives: readonly number[];
}

function sweep(positives: ArrayLike<number>, negatives: ArrayLike<number>): Sweep {
  if (positives.length === 0 || negatives.length === 0)
    throw new FrameworkError(
      'metrics/one-class',
      `detection needs both kinds of images; there are ${positives.length} positive and ${negatives.length} negative ones`,
      { hint: 'ImageNet-O needs its own images and the validation images of its 200 classes' },
    );
  const scored = [
    ...Array.from(positives, (score) => ({ score, isPositive: true })),
    ...Array.from(negatives, (score) => ({ score, isPositive: false })),
  ].sort((a, b) => b.score - a.score);
  const truePositives: number[] = [];
  const falsePositives: number[] = [];
  let [tp, fp] = [0, 0];
  for (const [i, { score, isPositive }] of scored.entries()) {
    if (isPositive) tp++;
    else fp++;
    if (scored[i + 1]?.score === score) continue;
    truePositives.push(tp);
    falsePositives.push(fp);
  }
  return { truePositives, falsePositives };
}

/**
 * Area under the precision-recall curve as average precision, Σ (R_n − R_{n−1})·P_n without interpolation: the AUPR of
 * ImageNet-O, equal to scikit-learn's average_precision_score. Higher scores mean "more positive".
 *
 * @example averagePrecision([0.9, 0.4], [0.5]) // 0.8333…
 */
export function averagePrecision(positives: ArrayLike<number>, negatives: ArrayLike<number>): number {
  const { truePositives, falsePositives } = sweep(positives, negatives);
  let sum = 0;
  let before = 0;
  for (const [i, tp] of truePositives.entries()) {
    sum += ((tp - before) / positives.length) * (tp / (tp + (falsePositives[i] as number)));
    before = tp;
  }
  return sum;
}

/** Area under the ROC curve (trapezoids, so a tie counts one half). */
export function auroc(positives: ArrayLike<number>, negatives: ArrayLike<number>): number {
  const { truePositives, falsePositives } = sweep(positives, negatives);
  let area = 0;
  let [tpBefore, fpBefore] = [0, 0];
  for (const [i, tp] of truePositives.entries()) {
    const fp = falsePositives[i] as number;
    area += ((fp - fpBefore) * (tp + tpBefore)) / 2;
    [tpBefore, fpBefore] = [tp, fp];
  }
  return area / (positives.length * negatives.length);
}

/**
 * 95 % interval of the area under the ROC curve (DeLong et al. 1988): from the scatter of each positive's share of negatives below it, and
 * of each negative's share of positives above it.
 */
export function aurocInterval(
  positives: ArrayLike<number>,
  negatives: ArrayLike<number>,
): { readonly low: number; readonly high: number } {
  const value = auroc(positives, negatives);
  const below = placements(positives, negatives);
  const above = placements(negatives, positives);
  const half = Z95 * Math.sqrt(variance(below) / below.length + variance(above) / above.length);
  return { low: Math.max(0, value - half), high: Math.min(1, value + half) };
}

/** Of each score the share of `others` that are lower, ties one half. */
function placements(scores: ArrayLike<number>, others: ArrayLike<number>): number[] {
  const sorted = Float64Array.from(others).sort();
  // The first place at which `isPast` holds: of the sorted scores it does from there on.
  const first = (isPast: (other: number) => boolean): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isPast(sorted[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return Array.from(
    scores,
    (score) => (first((other) => other >= score) + first((other) => other > score)) / (2 * sorted.length),
  );
}

function variance(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
}

/** Share of negatives above the highest threshold that finds at least `recall` of the positives. */
export function falsePositiveRate(
  positives: ArrayLike<number>,
  negatives: ArrayLike<number>,
  recall = 0.95,
): number {
  const { truePositives, falsePositives } = sweep(positives, negatives);
  const needed = recall * positives.length;
  const at = truePositives.findIndex((tp) => tp >= needed);
  return (falsePositives[at] as number) / negatives.length;
}
