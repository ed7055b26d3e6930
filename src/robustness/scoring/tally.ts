import type { Failure } from '../../data/render.ts';
import type { ImageNotes } from '../classifier/classifier.ts';
import type { CalibrationState } from '../metrics/calibration.ts';
import { mergeCalibration } from '../metrics/calibration.ts';

/** Top-1 and top-5 of one way of turning logits into a prediction. */
export interface ClassCounts {
  top1: number;
  top5: number;
  /** Top-1 by class, label order. */
  perClass: number[];
}

export interface ClipSums {
  flips: number;
  flipsSquared: number;
  t5d: number;
  t5dSquared: number;
  zipf: number;
}

/** The outcome of each scored item, in order. */
export interface Outcomes {
  /** `1` where the prediction is the label, `0` where it is not. */
  correct: string;
  top1: number[];
  /** Cross-entropy, six digits. */
  loss: number[];
}

/** Everything that is kept of one work unit: sums and lists that add up in unit order. Plain JSON. */
export interface Tally {
  /** Images or clips that were scored. */
  items: number;
  failures: Failure[];
  /** Scored items by class, label order. */
  perClass: number[];
  /** By protocol: `full1000`, `masked200`, … */
  counts: Record<string, ClassCounts>;
  calibration: CalibrationState | null;
  /** ImageNet-O: anomaly scores, higher = more anomalous. */
  scores: number[];
  /** ImageNet-P: sums over clips of their means. */
  clips: ClipSums | null;
  /** Analyses only. */
  outcomes?: Outcomes;
  /** What was noted of images, by name: sums, and the largest. */
  notes?: { sums: Record<string, number>; maxima: Record<string, number> };
}

/** Scores one item: rows of logits (1 for an image, the frames for a clip). @param answers labels that are right, where there may be several */
export type Score = (
  tally: Tally,
  rows: readonly Float32Array[],
  label: number,
  answers?: readonly number[],
) => void;

export interface Scorer {
  /** An empty tally; calibration accumulates inside until `finish`. @param labels classes of the part */
  begin(labels: number): Tally;
  readonly score: Score;
  finish(tally: Tally): Tally;
}

/** An empty tally of labels, with counts for each protocol. */
export function tallyOf(labels: number, protocols: readonly string[] = []): Tally {
  const zeros = (): number[] => new Array<number>(labels).fill(0);
  const counts = (): ClassCounts => ({ top1: 0, top5: 0, perClass: zeros() });
  return {
    items: 0,
    failures: [],
    perClass: zeros(),
    counts: Object.fromEntries(protocols.map((protocol) => [protocol, counts()])),
    calibration: null,
    scores: [],
    clips: null,
  };
}

/** Adds a ranked prediction of one protocol. */
export function count(tally: Tally, protocol: string, rank: number, label: number): void {
  const counts = tally.counts[protocol] as ClassCounts;
  if (rank === 0) {
    counts.top1++;
    counts.perClass[label] = (counts.perClass[label] as number) + 1;
  }
  if (rank < 5) counts.top5++;
}

/** Counts one scored item of a class. */
export function seen(tally: Tally, label: number): void {
  tally.items++;
  tally.perClass[label] = (tally.perClass[label] as number) + 1;
}

/** Adds what was noted of an image, or of the images of another tally. */
export function addNotes(tally: Tally, { sums, maxima }: ImageNotes): void {
  const notes = (tally.notes ??= { sums: {}, maxima: {} });
  for (const [name, value] of Object.entries(sums)) notes.sums[name] = (notes.sums[name] ?? 0) + value;
  for (const [name, value] of Object.entries(maxima))
    notes.maxima[name] = Math.max(notes.maxima[name] ?? -Infinity, value);
}

/** The tally of a part from those of its units, in unit order: the same numbers however often the run was cut off. */
export function addTallies(tallies: readonly Tally[]): Tally {
  const [first, ...rest] = tallies as [Tally, ...Tally[]];
  const sum = structuredClone(first);
  for (const tally of rest) {
    sum.items += tally.items;
    sum.failures.push(...tally.failures);
    addInto(sum.perClass, tally.perClass);
    for (const [protocol, counts] of Object.entries(tally.counts)) {
      const into = sum.counts[protocol] as ClassCounts;
      into.top1 += counts.top1;
      into.top5 += counts.top5;
      addInto(into.perClass, counts.perClass);
    }
    sum.scores = sum.scores.concat(tally.scores);
    if (sum.outcomes && tally.outcomes) addOutcomes(sum.outcomes, tally.outcomes);
    if (tally.notes) addNotes(sum, tally.notes);
    if (sum.clips && tally.clips) {
      for (const key of Object.keys(sum.clips) as (keyof ClipSums)[]) sum.clips[key] += tally.clips[key];
    }
  }
  const states = tallies.flatMap(({ calibration }) => (calibration ? [calibration] : []));
  sum.calibration = states.length > 0 ? mergeCalibration(states) : null;
  return sum;
}

function addOutcomes(sum: Outcomes, other: Outcomes): void {
  sum.correct += other.correct;
  sum.top1 = sum.top1.concat(other.top1);
  sum.loss = sum.loss.concat(other.loss);
}

function addInto(sum: number[], other: readonly number[]): void {
  for (const [i, value] of other.entries()) sum[i] = (sum[i] as number) + value;
}
