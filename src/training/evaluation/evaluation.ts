/** Counts of one pass over labelled images. */
export interface Evaluation {
  readonly count: number;
  readonly correct1: number;
  readonly correct5: number;
  /** Fractions of `count`. */
  readonly top1: number;
  readonly top5: number;
  /** Mean cross-entropy against the labels, without smoothing. */
  readonly loss: number;
}

/** Adds up logits batch by batch, in float64 on the host. Ties go to the lowest class, as in torch.argmax. */
export class EvaluationCounter {
  private readonly classes: number;
  private count = 0;
  private correct1 = 0;
  private correct5 = 0;
  private lossSum = 0;

  constructor(classes: number) {
    this.classes = classes;
  }

  /** @param logits (at least labels.length, classes) row-major */
  add(logits: Float32Array, labels: ArrayLike<number>): void {
    this.addMeasured(measure(logits, labels, this.classes));
  }

  /** @param measured of further images, by `measure` */
  addMeasured(measured: Float64Array): void {
    for (let i = 0; i < measured.length; i += 2) {
      const [rank, loss] = [measured[i] as number, measured[i + 1] as number];
      this.count++;
      if (rank === 0) this.correct1++;
      if (rank < 5) this.correct5++;
      this.lossSum += loss;
    }
  }

  result(): Evaluation {
    const { count, correct1, correct5 } = this;
    const share = (value: number) => (count === 0 ? NaN : value / count);
    return {
      count,
      correct1,
      correct5,
      top1: share(correct1),
      top5: share(correct5),
      loss: share(this.lossSum),
    };
  }
}

/**
 * Of each image how many classes stand before its label, and its cross-entropy: (labels.length, 2).
 * @param logits (at least labels.length, classes) row-major
 */
export function measure(logits: Float32Array, labels: ArrayLike<number>, classes: number): Float64Array {
  const measured = new Float64Array(2 * labels.length);
  for (let i = 0; i < labels.length; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const label = labels[i] as number;
    measured[2 * i] = rankOf(row, label);
    measured[2 * i + 1] = crossEntropy(row, label);
  }
  return measured;
}

/** How many classes stand before `label`: those with a larger logit, and equal ones of lower index. NaN stands before everything. */
function rankOf(row: Float32Array, label: number): number {
  const own = row[label] as number;
  if (Number.isNaN(own)) return row.length;
  let rank = 0;
  for (let k = 0; k < row.length; k++) {
    const value = row[k] as number;
    if (value > own || (value === own && k < label) || Number.isNaN(value)) rank++;
  }
  return rank;
}

/** Of one row of logits and its label, in float64. */
export function crossEntropy(row: Float32Array, label: number): number {
  let largest = -Infinity;
  for (const value of row) largest = Math.max(largest, value);
  let sum = 0;
  for (const value of row) sum += Math.exp(value - largest);
  return Math.log(sum) + largest - (row[label] as number);
}

/** Indices of the `count` largest logits of a row, ties to the lowest index. */
export function topClasses(row: Float32Array, count: number): number[] {
  return Array.from(row.keys())
    .sort((a, b) => (row[b] as number) - (row[a] as number) || a - b)
    .slice(0, count);
}
