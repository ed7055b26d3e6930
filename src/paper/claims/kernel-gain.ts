/** Section 4.9: accuracy by kernel, nothing else changed. */
import type { BenchmarkResult } from '../../robustness/benchmarks/evaluation/result.ts';
import { allOf, difference, isPositive, type Estimate } from '../estimate.ts';
import { showDifference } from '../format.ts';
import { measure, type Measured, type Subject } from '../subjects.ts';
import { filesOf, sidesOf, type Line } from './roles.ts';

/** Clean accuracy, and accuracy on images of another kind. */
const NUMBERS: readonly { readonly benchmark: string; readonly metric: string; readonly protocol: string }[] =
  [
    { benchmark: 'val', metric: 'top1', protocol: '' },
    { benchmark: 'a', metric: 'top1', protocol: 'full1000' },
    { benchmark: 'r', metric: 'top1', protocol: 'full1000' },
    { benchmark: 'c', metric: 'accuracy-19-severity-5', protocol: '' },
  ];

export function kernelGain(subjects: readonly Subject[]): Line[] {
  return NUMBERS.flatMap(({ benchmark, metric, protocol }) => {
    const read = ({ metrics }: BenchmarkResult): Estimate | undefined => {
      const found = metrics.find((own) => own.id === metric && own.protocol.startsWith(protocol));
      return found === undefined ? undefined : { value: found.value, low: found.low, high: found.high };
    };
    return sidesOf(subjects, benchmark, read).flatMap(({ side, where, subjects: own }) =>
      ladders(own).flatMap((ladder): Line[] => {
        const rungs = ladder.flatMap((subject): { subject: Subject; found: Measured }[] => {
          const found = measure(subject, side, read);
          return found === undefined ? [] : [{ subject, found }];
        });
        return rungs.length < 2 ? [] : [lineOf(where, rungs)];
      }),
    );
  });
}

/** Models that differ in nothing but their kernels: runs whose recipes say so; of files RepLKNet-31B and -3B. */
function ladders(subjects: readonly Subject[]): Subject[][] {
  const groups = new Map<string, Subject[]>();
  for (const subject of subjects) {
    if (subject.kernel === undefined || subject.isTransformer) continue;
    const key = subject.ladder ?? subject.model.replace(/-(3b|31b)$/, '');
    groups.set(key, [...(groups.get(key) ?? []), subject]);
  }
  return [...groups.values()].map((own) => own.sort((a, b) => (a.kernel ?? 0) - (b.kernel ?? 0)));
}

function lineOf(where: string, rungs: readonly { subject: Subject; found: Measured }[]): Line {
  const steps = rungs.slice(1).map(({ subject, found }, i) => {
    const before = rungs[i] as (typeof rungs)[number];
    const gain = difference(found, before.found);
    return {
      gain,
      words: `${before.subject.kernel ?? ''} → ${subject.kernel ?? ''}: ${showDifference(gain, 1)}`,
    };
  });
  const runs = rungs.reduce((most, { subject }) => Math.max(most, subject.members.length), 0);
  return {
    verdict: allOf(steps.map(({ gain }) => isPositive(gain))),
    where,
    words: `${rungs[0]?.subject.name.replace(/-?\d+$/, '') ?? ''}, points by kernel: ${steps.map(({ words }) => words).join(', ')}${runs < 2 ? '; one seed, so the intervals are of images alone' : ''}`,
    files: filesOf(rungs.map(({ found }) => found)),
  };
}
