/** Section 4.6: how far from their centre kernels reach, shallow and deep. */
import type { BenchmarkResult } from '../../robustness/benchmarks/evaluation/result.ts';
import { Z95 } from '../../robustness/metrics/accuracy.ts';
import { Rng } from '../../util/rng.ts';
import { allOf, difference, isPositive, type Estimate } from '../estimate.ts';
import { showDifference } from '../format.ts';
import { measure, type Subject } from '../subjects.ts';
import { filesOf, rolesOf, sidesOf, type Line } from './roles.ts';

/** Distances of the channels of the layers that Fig. 9 shows: the first ones and the last ones. */
function layersOf({ curves = [] }: BenchmarkResult): { shallow: number[]; deep: number[] } | undefined {
  const shown = curves.filter(({ plot, isDetail }) => plot === 'kernel-distance' && isDetail !== true);
  if (shown.length < 2) return undefined;
  const half = Math.floor(shown.length / 2);
  const values = (some: typeof shown) => some.flatMap(({ points }) => points.map(({ y }) => y));
  return { shallow: values(shown.slice(0, half)), deep: values(shown.slice(-half)) };
}

/** How much farther deep kernels reach: the difference of means over channels. */
function gain(result: BenchmarkResult): Estimate | undefined {
  const layers = layersOf(result);
  return layers === undefined ? undefined : difference(meanOver(layers.deep), meanOver(layers.shallow));
}

/** How much more shallow kernels differ among themselves: the difference of interdecile ranges, by the bootstrap over channels. */
function mix(result: BenchmarkResult): Estimate | undefined {
  const layers = layersOf(result);
  return layers === undefined ? undefined : difference(spreadOf(layers.shallow), spreadOf(layers.deep));
}

function meanOver(values: readonly number[]): Estimate {
  const value = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - value) ** 2, 0) / Math.max(1, values.length - 1);
  const half = Z95 * Math.sqrt(variance / values.length);
  return { value, low: value - half, high: value + half };
}

const RESAMPLES = 500;

function spreadOf(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const range = (own: readonly number[]): number => quantile(own, 0.9) - quantile(own, 0.1);
  const rng = new Rng(0, 'interdecile range');
  const resampled = Array.from({ length: RESAMPLES }, () =>
    range(
      values.map(() => values[Math.floor(rng.between(0, values.length))] as number).sort((a, b) => a - b),
    ),
  ).sort((a, b) => a - b);
  return { value: range(sorted), low: quantile(resampled, 0.025), high: quantile(resampled, 0.975) };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export function kernelDistances(subjects: readonly Subject[]): Line[] {
  return sidesOf(subjects, 'kernel-distance', gain).flatMap(({ side, subjects: own }): Line[] => {
    const { large } = rolesOf(own);
    if (large === undefined) return [];
    const [reach, spread] = [measure(large, side, gain), measure(large, side, mix)];
    if (reach === undefined || spread === undefined) return [];
    const show = (estimate: Estimate) => showDifference(estimate, 3);
    return [
      {
        verdict: allOf([isPositive(reach), isPositive(spread)]),
        where: large.training ?? 'a file of weights',
        words: `${large.name}, distance with the corner at 1: deep layers reach ${show(reach)} farther; shallow channels spread ${show(spread)} more (90th − 10th percentile)`,
        files: filesOf([reach]),
      },
    ];
  });
}
