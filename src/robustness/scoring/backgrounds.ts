import { backgroundGap, predictImagenet9 } from '../metrics/imagenet9.ts';
import { accuracies } from './classification.ts';
import { accuracyMetric, type AbsentMetric, type Metric, type Summary } from './metric.ts';
import { NOTHING_SCORED, type PartTallies, type Scoring } from './scoring.ts';
import { count, seen, tallyOf, type Scorer } from './tally.ts';

const MAPPED = 'mapped9';
const MAIN = ['original', 'mixed_same', 'mixed_rand'];
const GAP = { id: 'bg-gap', label: 'BG-Gap', protocol: 'Mixed-Same − Mixed-Rand' } as const;

/** ImageNet-9: nine coarse classes, accuracies by variation and their gap. */
export const backgrounds: Scoring = {
  labelsAreLogits: false,
  scorer: backgroundScorer,
  partMetrics: (tally) => (tally.items === 0 ? [] : accuracies(tally, false)),
  summarise: backgroundSummary,
  report: { figures: ['original', 'mixed_same', 'mixed_rand', 'bg-gap'] },
};

function backgroundScorer(): Scorer {
  return {
    begin: (classes) => tallyOf(classes, [MAPPED]),
    score(tally, [row], label) {
      seen(tally, label);
      // There is no top-5 among nine: a right answer counts as rank 0, any other as out of reach.
      count(tally, MAPPED, predictImagenet9(row as Float32Array) === label ? 0 : 9, label);
    },
    finish: (tally) => tally,
  };
}

function backgroundSummary(parts: PartTallies): Summary {
  const all = parts.flatMap(({ name, tally }): Metric[] => {
    const { top1 } = tally.counts[MAPPED] ?? { top1: 0 };
    const label = name.replace('_', '-');
    return tally.items === 0 ? [] : [accuracyMetric(name, label, MAPPED, top1, tally.items)];
  });
  const of = (name: string): Metric | undefined => all.find(({ id }) => id === name);
  const absent = MAIN.filter((name) => of(name) === undefined).map((name): AbsentMetric => ({
    id: name,
    label: name.replace('_', '-'),
    protocol: MAPPED,
    why: parts.some((part) => part.name === name) ? NOTHING_SCORED : `no folder ${name}`,
  }));
  const main = all.filter(({ id }) => MAIN.includes(id));
  const others = all.filter(({ id }) => !MAIN.includes(id));
  const [same, random] = [of('mixed_same'), of('mixed_rand')];
  if (!same || !random) {
    const why = `it needs ${absent.map(({ id }) => id).join(' and ')}`;
    return { metrics: [...main, ...others], absent: [...absent, { ...GAP, why }] };
  }
  return { metrics: [...main, gapOf(same, random), ...others], absent };
}

/** Both accuracies are of different pictures: their errors are independent. */
function gapOf(same: Metric, random: Metric): Metric {
  const half = Math.hypot(...[same, random].map((m) => ((m.high ?? m.value) - (m.low ?? m.value)) / 2));
  const value = backgroundGap(same.value, random.value);
  return { ...GAP, value, low: value - half, high: value + half, unit: 'points', better: 'lower' };
}
