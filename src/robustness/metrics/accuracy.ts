import { FrameworkError } from '../../util/errors.ts';

/** A share of `total` with its 95 % interval, all as fractions. */
export interface Proportion {
  readonly correct: number;
  readonly total: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export const Z95 = 1.959963984540054;

/** Wilson's score interval (1927): holds its coverage near 0 and 1, where accuracies on ImageNet-A lie. */
export function proportion(correct: number, total: number): Proportion {
  if (!(
    Number.isInteger(correct) &&
    Number.isInteger(total) &&
    correct >= 0 &&
    total >= correct &&
    total > 0
  ))
    throw new FrameworkError(
      'metrics/counts',
      `an accuracy of ${correct} correct among ${total} was asked for`,
      {
        hint: 'no image was evaluated: check that the benchmark part holds images',
      },
    );
  const value = correct / total;
  return { correct, total, value, ...wilson(value, total) };
}

/** The interval of a share of so many independent ones, which may be no whole number. */
export function wilson(value: number, total: number): { readonly low: number; readonly high: number } {
  const z2 = Z95 * Z95;
  const centre = (value + z2 / (2 * total)) / (1 + z2 / total);
  const half = (Z95 / (1 + z2 / total)) * Math.sqrt((value * (1 - value)) / total + z2 / (4 * total * total));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Row `row` of logits (n, classes). */
export function logitsRow(logits: Float32Array, row: number, classes: number): Float32Array {
  return logits.subarray(row * classes, (row + 1) * classes);
}

/** Index of the largest value; ties go to the lowest index. Throws `metrics/non-finite` on NaN. */
export function argmax(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number;
    if (Number.isNaN(value))
      throw new FrameworkError('metrics/non-finite', `logit ${i} of ${logits.length} is not a number`, {
        hint: 'the weights or the precision overflow: evaluate in f32, or look for the first bad layer',
      });
    if (value > (logits[best] as number)) best = i;
  }
  return best;
}

/** How many classes score higher than `label`, ties counted by index: 0 means the prediction is `label`. */
export function rankOf(logits: ArrayLike<number>, label: number): number {
  const own = logits[label] as number;
  let rank = 0;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number;
    if (value > own || (value === own && i < label)) rank++;
  }
  return rank;
}

/** The logits of the classes in `indices`, in their order: the restriction `masked200` of ImageNet-A, -R and -O. */
export function restrict(logits: ArrayLike<number>, indices: readonly number[]): Float32Array {
  return Float32Array.from(indices, (index) => logits[index] as number);
}

/** ln Σ exp(x) in double precision, maximum subtracted; minus a logit it is that class's cross-entropy, however small its probability. */
export function logSumExp(logits: ArrayLike<number>): number {
  const max = logits[argmax(logits)] as number;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - max);
  return max + Math.log(sum);
}

/** Softmax in double precision, maximum subtracted. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const max = logits[argmax(logits)] as number;
  const out = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = Math.exp((logits[i] as number) - max);
    sum += out[i] as number;
  }
  for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) / sum;
  return out;
}
