import { argmax, rankOf } from './accuracy.ts';
import { mean } from './corruption-error.ts';
import { alexnetImagenetP } from './normalisers.ts';

/**
 * The frames that are compared, [reference, frame]. Noise frames are independent, so each is compared with the first;
 * the others with the frame `step` before, every phase pooled (difficulty d of a non-noise perturbation is step d).
 */
export function framePairs(frames: number, isNoise: boolean, step = 1): [number, number][] {
  const pairs: [number, number][] = [];
  if (isNoise) for (let j = 1; j < frames; j++) pairs.push([0, j]);
  else for (let j = step; j < frames; j++) pairs.push([j - step, j]);
  return pairs;
}

/** Instability of one clip: means over its pairs of frames. */
export interface ClipInstability {
  readonly flips: number;
  readonly pairs: number;
  readonly t5d: number;
  readonly zipf: number;
}

/** @param logits of the frames in order, (frames) rows of (classes) */
export function clipInstability(
  logits: readonly Float32Array[],
  isNoise: boolean,
  step = 1,
): ClipInstability {
  const predictions = logits.map(argmax);
  const orders = logits.map(descendingOrder);
  const pairs = framePairs(logits.length, isNoise, step);
  let [flips, t5d, zipf] = [0, 0, 0];
  for (const [a, b] of pairs) {
    if (predictions[a] !== predictions[b]) flips++;
    const [from, to] = [orders[a] as Uint32Array, orders[b] as Uint32Array];
    t5d += topFiveDistance(from, logits[b] as Float32Array);
    zipf += zipfDistance(from, to);
  }
  return { flips, pairs: pairs.length, t5d: t5d / pairs.length, zipf: zipf / pairs.length };
}

/** Class indices by descending logit, ties by index. */
export function descendingOrder(logits: Float32Array): Uint32Array {
  const order = Uint32Array.from({ length: logits.length }, (_, i) => i);
  return order.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
}

/**
 * Σ_{i=1..5} |i − min(σ_i, 6)|, σ_i the rank in the second frame of the class ranked i in the first: 0 if the first five
 * keep their order, 15 if all leave.
 */
export function topFiveDistance(order: Uint32Array, logits: Float32Array): number {
  let distance = 0;
  for (let i = 1; i <= Math.min(5, order.length); i++) {
    const sigma = rankOf(logits, order[i - 1] as number) + 1;
    distance += Math.abs(i - Math.min(sigma, 6));
  }
  return distance;
}

/** Σ over all ranks i of (1/i)·|1/i − 1/σ_i|; printed beside T5D by the reference, not part of mT5D. */
export function zipfDistance(from: Uint32Array, to: Uint32Array): number {
  const rank = new Uint32Array(to.length);
  for (let i = 0; i < to.length; i++) rank[to[i] as number] = i + 1;
  let distance = 0;
  for (let i = 1; i <= from.length; i++)
    distance += Math.abs(1 / i - 1 / (rank[from[i - 1] as number] as number)) / i;
  return distance;
}

/** Aggregates over the 10 benchmark perturbations; undefined where one is missing. */
export interface PerturbationSummary {
  /** FR_p = flip probability / AlexNet's, a fraction. */
  readonly flipRate: Readonly<Record<string, number>>;
  readonly mfr: number | undefined;
  readonly meanFlipProbability: number | undefined;
  readonly meanT5d: number | undefined;
  /** Undefined as long as the file of normalisers has no `t5d`. */
  readonly mt5d: number | undefined;
}

/** @param flipProbability @param t5d by perturbation, un-normalised */
export function summarisePerturbations(
  flipProbability: Readonly<Record<string, number>>,
  t5d: Readonly<Record<string, number>>,
  normaliser = alexnetImagenetP(),
): PerturbationSummary {
  const over = (of: (name: string) => number | undefined): number | undefined => {
    const values = normaliser.benchmark.map(of);
    return values.every((value) => value !== undefined) ? mean(values) : undefined;
  };
  const ratio = (own: number | undefined, reference: number | undefined): number | undefined =>
    own === undefined || reference === undefined ? undefined : own / reference;
  const rateOf = (name: string): number | undefined =>
    ratio(flipProbability[name], normaliser.flip_prob[name]);
  return {
    flipRate: Object.fromEntries(
      Object.keys(flipProbability).flatMap((name) => {
        const rate = rateOf(name);
        return rate === undefined ? [] : [[name, rate] as const];
      }),
    ),
    mfr: over(rateOf),
    meanFlipProbability: over((name) => flipProbability[name]),
    meanT5d: over((name) => t5d[name]),
    mt5d: over((name) => ratio(t5d[name], normaliser.t5d?.[name])),
  };
}
