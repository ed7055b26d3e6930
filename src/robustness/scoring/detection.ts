import { imagenetSubset } from '../../data/classes.ts';
import { argmax, restrict, softmax } from '../metrics/accuracy.ts';
import { auroc, averagePrecision, falsePositiveRate } from '../metrics/detection.ts';
import { percent } from './metric.ts';
import type { PartTallies, Scoring } from './scoring.ts';
import { seen, tallyOf, type Scorer } from './tally.ts';

const protocol = 'softmax over 200, unknown classes positive';
const AUPR = { id: 'aupr', label: 'AUPR', protocol, better: 'higher' } as const;
const AUROC = { id: 'auroc', label: 'AUROC', protocol, better: 'higher' } as const;
const FPR = { id: 'fpr95', label: 'FPR at 95 % recall', protocol, better: 'lower' } as const;

/** ImageNet-O: unknown classes (part `out`) among known ones (part `in`). */
export const detection: Scoring = {
  labelsAreLogits: false,
  scorer: detectionScorer,
  partMetrics: () => [],
  report: { figures: ['aupr'] },
  summarise(parts) {
    const [out, within] = [scoresOf(parts, 'out'), scoresOf(parts, 'in')];
    if (out.length > 0 && within.length > 0) {
      const metrics = [
        percent(AUPR, averagePrecision(out, within)),
        percent(AUROC, auroc(out, within)),
        percent(FPR, falsePositiveRate(out, within)),
      ];
      return { metrics, absent: [] };
    }
    const lacking = out.length === 0 ? 'images of unknown classes' : 'validation images of the 200 classes';
    const why = `detection needs both kinds of images, and no ${lacking} were scored`;
    return { metrics: [], absent: [AUPR, AUROC, FPR].map(({ id, label }) => ({ id, label, protocol, why })) };
  },
};

function scoresOf(parts: PartTallies, part: string): readonly number[] {
  return parts.find(({ name }) => name === part)?.tally.scores ?? [];
}

/** Minus the largest of the 200 probabilities: the anomaly score of ImageNet-O. */
function detectionScorer(): Scorer {
  const { indices1k } = imagenetSubset('o');
  return {
    begin: (labels) => tallyOf(labels),
    score(tally, [row], label) {
      const probabilities = softmax(restrict(row as Float32Array, indices1k));
      seen(tally, label);
      tally.scores.push(-(probabilities[argmax(probabilities)] as number));
    },
    finish: (tally) => tally,
  };
}
