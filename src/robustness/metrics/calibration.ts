import { FrameworkError } from '../../util/errors.ts';
import { argmax, softmax } from './accuracy.ts';

/** Calibration of a set of predictions. Add one row of logits at a time; rows cost two numbers of memory each. */
export class Calibration {
  private readonly confidences: number[] = [];
  private readonly isCorrect: boolean[] = [];
  private logLikelihood = 0;

  add(logits: ArrayLike<number>, label: number): void {
    const probabilities = softmax(logits);
    const best = argmax(probabilities);
    this.confidences.push(probabilities[best] as number);
    this.isCorrect.push(best === label);
    // The smallest double keeps a probability that underflowed from making the mean infinite.
    this.logLikelihood += Math.log(Math.max(probabilities[label] as number, Number.MIN_VALUE));
  }

  get count(): number {
    return this.confidences.length;
  }

  /** Sums that merge: written per work unit so that a resumed evaluation has the same result. */
  state(): CalibrationState {
    return {
      confidences: this.confidences,
      correct: this.isCorrect.map(Number),
      nll: -this.logLikelihood,
    };
  }
}

export interface CalibrationState {
  readonly confidences: readonly number[];
  readonly correct: readonly number[];
  /** Sum of negative log-likelihoods, nats. */
  readonly nll: number;
}

export interface CalibrationSummary {
  /** Expected calibration error, 15 equal-width bins (Guo et al., ICML 2017), fraction. */
  readonly ece: number;
  /** Root mean square calibration error, bins of 100 predictions by confidence (Hendrycks et al.), fraction. */
  readonly rms: number;
  /** Mean negative log-likelihood, nats. */
  readonly nll: number;
}

export function summariseCalibration(states: readonly CalibrationState[]): CalibrationSummary {
  const confidences = states.flatMap((state) => state.confidences);
  const correct = states.flatMap((state) => state.correct);
  if (confidences.length === 0)
    throw new FrameworkError('metrics/counts', 'calibration of no predictions was asked for');
  const nll = states.reduce((sum, state) => sum + state.nll, 0) / confidences.length;
  return {
    ece: expectedCalibrationError(confidences, correct, 15),
    rms: rmsCalibrationError(confidences, correct),
    nll,
  };
}

/** Σ (bin size / n)·|mean confidence − accuracy| over equal-width bins (i/B, (i+1)/B]. */
export function expectedCalibrationError(
  confidences: readonly number[],
  correct: readonly number[],
  bins: number,
): number {
  const gaps = new Float64Array(bins);
  for (const [i, confidence] of confidences.entries()) {
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
    gaps[bin] = (gaps[bin] as number) + confidence - (correct[i] as number);
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / confidences.length;
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
