import { imagenetSubset } from '../../data/classes.ts';
import { argmax, rankOf, restrict } from '../metrics/accuracy.ts';
import { Calibration, summariseCalibration } from '../metrics/calibration.ts';
import { accuracyMetric, percent, type Metric } from './metric.ts';
import { NOTHING_SCORED, type PartContext, type Scoring } from './scoring.ts';
import { count, seen, tallyOf, type Scorer, type Tally } from './tally.ts';

/** Protocol of a plain arg-max over all classes. */
export function fullProtocol(classes: number): string {
  return `full${classes}`;
}

const MASKED = 'masked200';

/**
 * Top-1, top-5 and calibration of labelled images.
 * @param restriction of the logits to the 200 classes of A, R or O, beside the plain arg-max
 */
export function classification(restriction: 'a' | 'r' | null): Scoring {
  const partMetrics = (tally: Tally): Metric[] =>
    tally.items === 0 ? [] : [...accuracies(tally, true), ...calibrationMetrics(tally)];
  return {
    labelsAreLogits: restriction === null,
    scorer: (context) => classificationScorer(restriction, context),
    partMetrics,
    summarise: ([first]) => {
      const metrics = first === undefined ? [] : partMetrics(first.tally);
      const absent = { id: 'top1', label: 'top-1', protocol: '', why: NOTHING_SCORED };
      return { metrics, absent: metrics.length === 0 ? [absent] : [] };
    },
    report: { figures: ['top1'] },
  };
}

function classificationScorer(restriction: 'a' | 'r' | null, { classes }: PartContext): Scorer {
  const full = fullProtocol(classes);
  const indices = restriction === null ? undefined : imagenetSubset(restriction).indices1k;
  const protocols = indices ? [MASKED, full] : [full];
  let calibration = new Calibration();
  return {
    begin(labels) {
      calibration = new Calibration();
      return tallyOf(labels, protocols);
    },
    score(tally, [row], label) {
      const logits = row as Float32Array;
      argmax(logits); // refuses logits that are not numbers
      seen(tally, label);
      const restricted = indices ? restrict(logits, indices) : logits;
      const index = indices ? (indices[label] as number) : label;
      count(tally, full, rankOf(logits, index), label);
      if (indices) count(tally, MASKED, rankOf(restricted, label), label);
      calibration.add(restricted, label);
    },
    finish: (tally) => ({ ...tally, calibration: calibration.state() }),
  };
}

const ANY_OF_LABELS = 'any of the reassessed labels';

/** ImageNet-ReaL (Beyer et al. 2020): the arg-max over all classes is right if it is one of the image's labels. */
export const anyOfLabels: Scoring = {
  labelsAreLogits: true,
  scorer: ({ classes }) => {
    const protocol = `${fullProtocol(classes)}, ${ANY_OF_LABELS}`;
    return {
      begin: (labels) => tallyOf(labels, [protocol]),
      score(tally, [row], label, answers = [label]) {
        const logits = row as Float32Array;
        argmax(logits); // refuses logits that are not numbers
        seen(tally, label);
        count(tally, protocol, Math.min(...answers.map((answer) => rankOf(logits, answer))), label);
      },
      finish: (tally) => tally,
    };
  },
  partMetrics: (tally) => (tally.items === 0 ? [] : accuracies(tally, false)),
  summarise: ([first]) => {
    const metrics = first === undefined || first.tally.items === 0 ? [] : accuracies(first.tally, false);
    const absent = { id: 'top1', label: 'top-1', protocol: ANY_OF_LABELS, why: NOTHING_SCORED };
    return { metrics, absent: metrics.length === 0 ? [absent] : [] };
  },
  report: { figures: ['top1'] },
};

/** Top-1, and top-5 where there are enough classes for it, of each protocol. */
export function accuracies(tally: Tally, hasTop5: boolean): Metric[] {
  return Object.entries(tally.counts).flatMap(([protocol, { top1, top5 }]) => [
    accuracyMetric('top1', 'top-1', protocol, top1, tally.items),
    ...(hasTop5 ? [accuracyMetric('top5', 'top-5', protocol, top5, tally.items)] : []),
  ]);
}

/** Computed from the restricted logits if there is a restriction. */
function calibrationMetrics({ calibration, counts }: Tally): Metric[] {
  if (!calibration) return [];
  const [protocol = ''] = Object.keys(counts); // the restricted one stands first
  const { ece, rms, nll } = summariseCalibration(calibration);
  const error = { id: 'rms-calibration', label: 'RMS calibration error', better: 'lower' } as const;
  return [
    percent({ id: 'ece', label: 'ECE', protocol: `${protocol}, 15 bins`, better: 'lower' }, ece),
    percent({ ...error, protocol: `${protocol}, bins of 100` }, rms),
    { id: 'nll', label: 'NLL', protocol, value: nll, unit: 'nats', better: 'lower' },
  ];
}
