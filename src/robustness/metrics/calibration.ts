import { FrameworkError } from '../../util/errors.ts';
import { argmax, logSumExp, softmax } from './accuracy.ts';

const BINS = 15;

/** Sums that merge: written per work unit, so that a resumed evaluation has the same result. Plain JSON. */
export interface CalibrationState {
  readonly count: number;
  /** Σ (confidence − correct) in each of 15 equal-width bins (i/15, (i+1)/15]. */
  readonly gaps: readonly number[];
  /** Sum of negative log-likelihoods, nats. */
  readonly nll: number;
  /** Every prediction, for bins by rank. */
  readonly confidences: readonly number[];
  readonly correct: readonly number[];
}

export interface CalibrationSummary {
  /** Expected calibration error, 15 equal-width bins (Guo et al., ICML 2017), fraction. */
  readonly ece: number;
  /** Root mean square calibration error, bins of 100 predictions by confidence (Hendrycks et al.), fraction. */
  readonly rms: number;
  /** Mean negative log-likelihood, nats. */
  readonly nll: number;
}

/** Calibration of a set of predictions, one row of logits at a time. */
export class Calibration {
  private count = 0;
  private nll = 0;
  private readonly gaps = new Array<number>(BINS).fill(0);
  private readonly confidences: number[] = [];
  private readonly correct: number[] = [];

  add(logits: ArrayLike<number>, label: number): void {
    const probabilities = softmax(logits);
    const best = argmax(probabilities);
    const confidence = probabilities[best] as number;
    const isCorrect = best === label ? 1 : 0;
    const bin = Math.min(BINS - 1, Math.max(0, Math.ceil(confidence * BINS) - 1));
    this.gaps[bin] = (this.gaps[bin] as number) + confidence - isCorrect;
    this.count++;
    this.nll += logSumExp(logits) - (logits[label] as number);
    this.confidences.push(confidence);
    this.correct.push(isCorrect);
  }

  state(): CalibrationState {
    const { count, gaps, nll, confidences, correct } = this;
    return { count, gaps, nll, confidences, correct };
  }
}

/** One state from several, in order. */
export function mergeCalibration(states: readonly CalibrationState[]): CalibrationState {
  return {
    count: states.reduce((sum, { count }) => sum + count, 0),
    gaps: Array.from({ length: BINS }, (_, bin) =>
      states.reduce((sum, { gaps }) => sum + (gaps[bin] as number), 0),
    ),
    nll: states.reduce((sum, { nll }) => sum + nll, 0),
    confidences: states.flatMap(({ confidences }) => confidences),
    correct: states.flatMap(({ correct }) => correct),
  };
}

/** Throws `metrics/counts` if nothing was added. */
export function summariseCalibration(state: CalibrationState): CalibrationSummary {
  if (state.count === 0)
    throw new FrameworkError('metrics/counts', 'calibration of no predictions was asked for');
  return {
    ece: state.gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / state.count,
    rms: rmsCalibrationError(state.confidences, state.correct),
    nll: state.nll / state.count,
  };
}

/** √ Σ (bin size / n)·(mean confidence − accuracy)², bins of `binSize` in order of confidence, the last one longer. */
export function rmsCalibrationError(
  confidences: readonly number[],
  correct: readonly number[],
  binSize = 100,
): number {
  const order = Array.from(confidences.keys()).sort(
    (a, b) => (confidences[a] as number) - (confidences[b] as number) || a - b,
  );
  const bins = Math.max(1, Math.floor(order.length / binSize));
  let sum = 0;
  for (let bin = 0; bin < bins; bin++) {
    const members = order.slice(bin * binSize, bin === bins - 1 ? undefined : (bin + 1) * binSize);
    const gap = members.reduce((total, i) => total + (confidences[i] as number) - (correct[i] as number), 0);
    sum += gap ** 2 / members.length;
  }
  return Math.sqrt(sum / order.length);
}
