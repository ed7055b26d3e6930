import { imagenetSubset } from '../../data/classes.ts';
import type { Failure } from '../../data/render.ts';
import { argmax, rankOf, restrict, softmax } from '../metrics/accuracy.ts';
import type { CalibrationState } from '../metrics/calibration.ts';
import { Calibration, mergeCalibration } from '../metrics/calibration.ts';
import { predictImagenet9 } from '../metrics/imagenet9.ts';
import { clipInstability } from '../metrics/stability.ts';
import type { Benchmark } from './records.ts';

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
}

/** Scores one item: rows of logits (1 for an image, the frames for a clip). */
export type Score = (tally: Tally, rows: readonly Float32Array[], label: number) => void;

export interface Scorer {
  readonly protocols: readonly string[];
  /** An empty tally; calibration accumulates inside until `finish`. */
  begin(classes: number): Tally;
  readonly score: Score;
  finish(tally: Tally): Tally;
}

/** Protocol of a plain arg-max over all classes. */
export function fullProtocol(classes: number): string {
  return `full${classes}`;
}

/** @param step frames apart, the difficulty of a non-noise perturbation */
export function scorerFor(benchmark: Benchmark, classes: number, isNoise: boolean, step = 1): Scorer {
  switch (benchmark.scoring) {
    case 'classification':
      return classification(benchmark, classes);
    case 'detection':
      return detection();
    case 'stability':
      return stability(isNoise, step);
    case 'imagenet9':
      return imagenet9();
  }
}

function emptyTally(classes: number): Tally {
  return {
    items: 0,
    failures: [],
    perClass: new Array<number>(classes).fill(0),
    counts: {},
    calibration: null,
    scores: [],
    clips: null,
  };
}

function withProtocols(protocols: readonly string[], classes: number): Tally {
  const tally = emptyTally(classes);
  for (const protocol of protocols)
    tally.counts[protocol] = { top1: 0, top5: 0, perClass: new Array<number>(classes).fill(0) };
  return tally;
}

/** Adds a ranked prediction of one protocol. */
function count(tally: Tally, protocol: string, rank: number, label: number): void {
  const counts = tally.counts[protocol] as ClassCounts;
  if (rank === 0) {
    counts.top1++;
    counts.perClass[label] = (counts.perClass[label] as number) + 1;
  }
  if (rank < 5) counts.top5++;
}

function seen(tally: Tally, label: number): void {
  tally.items++;
  tally.perClass[label] = (tally.perClass[label] as number) + 1;
}

function classification(benchmark: Benchmark, classes: number): Scorer {
  const full = fullProtocol(classes);
  const indices =
    benchmark.restriction === null ? undefined : imagenetSubset(benchmark.restriction).indices1k;
  const protocols = indices ? ['masked200', full] : [full];
  let calibration = new Calibration();
  return {
    protocols,
    begin(labels) {
      calibration = new Calibration();
      return withProtocols(protocols, labels);
    },
    score(tally, [row], label) {
      const logits = row as Float32Array;
      argmax(logits); // refuses logits that are not numbers
      seen(tally, label);
      const restricted = indices ? restrict(logits, indices) : logits;
      const index = indices ? (indices[label] as number) : label;
      count(tally, full, rankOf(logits, index), label);
      if (indices) count(tally, 'masked200', rankOf(restricted, label), label);
      calibration.add(restricted, label);
    },
    finish: (tally) => ({ ...tally, calibration: calibration.state() }),
  };
}

/** Minus the largest of the 200 probabilities: the anomaly score of ImageNet-O. */
function detection(): Scorer {
  const { indices1k } = imagenetSubset('o');
  return {
    protocols: ['masked200'],
    begin: emptyTally,
    score(tally, [row], label) {
      const probabilities = softmax(restrict(row as Float32Array, indices1k));
      seen(tally, label);
      tally.scores.push(-(probabilities[argmax(probabilities)] as number));
    },
    finish: (tally) => tally,
  };
}

function imagenet9(): Scorer {
  return {
    protocols: ['mapped9'],
    begin: (classes) => withProtocols(['mapped9'], classes),
    score(tally, [row], label) {
      seen(tally, label);
      // There is no top-5 among nine: a right answer counts as rank 0, any other as out of reach.
      count(tally, 'mapped9', predictImagenet9(row as Float32Array) === label ? 0 : 9, label);
    },
    finish: (tally) => tally,
  };
}

function stability(isNoise: boolean, step: number): Scorer {
  return {
    protocols: [`difficulty ${step}`],
    begin: () => ({ ...emptyTally(0), clips: { flips: 0, flipsSquared: 0, t5d: 0, t5dSquared: 0, zipf: 0 } }),
    score(tally, rows) {
      const sums = tally.clips as ClipSums;
      const { flips, pairs, t5d, zipf } = clipInstability(rows, isNoise, isNoise ? 1 : step);
      const share = flips / pairs;
      tally.items++;
      sums.flips += share;
      sums.flipsSquared += share ** 2;
      sums.t5d += t5d;
      sums.t5dSquared += t5d ** 2;
      sums.zipf += zipf;
    },
    finish: (tally) => tally,
  };
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
    if (sum.clips && tally.clips) {
      for (const key of Object.keys(sum.clips) as (keyof ClipSums)[]) sum.clips[key] += tally.clips[key];
    }
  }
  const states = tallies.flatMap(({ calibration }) => (calibration ? [calibration] : []));
  sum.calibration = states.length > 0 ? mergeCalibration(states) : null;
  return sum;
}

function addInto(sum: number[], other: readonly number[]): void {
  for (const [i, value] of other.entries()) sum[i] = (sum[i] as number) + value;
}
