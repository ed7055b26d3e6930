import { FrameworkError } from '../../util/errors.ts';

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
