import { argmax, logSumExp, softmax } from '../metrics/accuracy.ts';
import { auroc, aurocInterval, averagePrecision, falsePositiveRate } from '../metrics/detection.ts';
import { percent, type AbsentMetric, type Metric } from './metric.ts';
import type { PartTallies, Scoring } from './scoring.ts';
import { seen, tallyOf, type Tally } from './tally.ts';

/** What says that an image is unknown: the higher, the more so. */
const SCORES: readonly { readonly words: string; readonly of: (logits: Float32Array) => number }[] = [
  {
    words: 'max softmax (Hendrycks & Gimpel 2017)',
    of: (logits) => -Math.max(...softmax(logits)),
  },
  { words: 'max logit (Hendrycks et al. 2022)', of: (logits) => -(logits[argmax(logits)] as number) },
  { words: 'energy at T = 1 (Liu et al. 2020)', of: (logits) => -logSumExp(logits) },
];

const MEASURES = [
  { id: 'auroc', label: 'AUROC', words: '', better: 'higher' },
  { id: 'fpr95', label: 'FPR at 95 % recall', words: ', known images positive', better: 'lower' },
  { id: 'fpr95-unknown', label: 'FPR at 95 % recall', words: ', unknown images positive', better: 'lower' },
  { id: 'aupr', label: 'AUPR', words: ', unknown images positive', better: 'higher' },
  { id: 'aupr-known', label: 'AUPR', words: ', known images positive', better: 'higher' },
] as const;

/** Unknown images, near to the known ones (part `near`) or far from them (`far`), among known ones (`in`), by three scores. */
export const outOfDistribution: Scoring = {
  labelsAreLogits: false,
  scorer: () => ({
    begin: (labels) => tallyOf(labels),
    score(tally, [row], label) {
      seen(tally, label);
      for (const { of } of SCORES) tally.scores.push(of(row as Float32Array));
    },
    finish: (tally) => tally,
  }),
  partMetrics: () => [],
  summarise(parts) {
    const known = scoresOf(parts, 'in');
    const metrics: Metric[] = [];
    const absent: AbsentMetric[] = [];
    for (const set of ['near', 'far']) {
      const unknown = scoresOf(parts, set);
      const isThere = parts.some(({ name }) => name === set);
      for (const [i, { words }] of SCORES.entries())
        for (const { id, label, words: side, better } of MEASURES) {
          const head = { id: `${set}-${id}`, label: `${set} ${label}`, protocol: `${words}${side}`, better };
          const pair = [unknown[i] ?? [], known[i] ?? []] as const;
          if (pair.every((list) => list.length > 0)) metrics.push(measure(head, id, ...pair));
          else if (isThere)
            absent.push({ ...head, why: `no ${pair[0].length === 0 ? set : 'known'} image was scored` });
        }
    }
    return { metrics, absent };
  },
  report: { figures: ['near-auroc', 'far-auroc'] },
};

function measure(
  head: Pick<Metric, 'id' | 'label' | 'protocol' | 'better'>,
  id: (typeof MEASURES)[number]['id'],
  unknown: readonly number[],
  known: readonly number[],
): Metric {
  const negative = (list: readonly number[]): number[] => list.map((score) => -score);
  switch (id) {
    case 'auroc':
      return percent(head, auroc(unknown, known), aurocInterval(unknown, known));
    case 'fpr95':
      return percent(head, falsePositiveRate(negative(known), negative(unknown)));
    case 'fpr95-unknown':
      return percent(head, falsePositiveRate(unknown, known));
    case 'aupr':
      return percent(head, averagePrecision(unknown, known));
    case 'aupr-known':
      return percent(head, averagePrecision(negative(known), negative(unknown)));
  }
}

/** By score: those of all images of a part. */
function scoresOf(parts: PartTallies, part: string): number[][] {
  const tally: Tally | undefined = parts.find(({ name }) => name === part)?.tally;
  return SCORES.map((_, i) => (tally?.scores ?? []).filter((_, j) => j % SCORES.length === i));
}
