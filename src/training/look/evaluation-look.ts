import type { Batch } from '../../data/loader.ts';
import type { Normalization } from '../../data/normalization.ts';
import { crossEntropy } from '../evaluation/evaluation.ts';
import type { Weights } from '../step/session.ts';
import type { EvaluationLook, Mistake } from './looks.ts';
import { pictureOf, toBytes } from './pictures.ts';

const MISTAKES = 16;
const PAIRS = 30;
/** A table of more classes than this cannot be read. */
const CONFUSION_CLASSES = 40;

/** A mistake whose picture is not encoded yet. */
type Candidate = Omit<Mistake, 'source' | 'width' | 'height'> & { readonly pixels: Uint8Array };

/** Counts confusions and keeps the worst mistakes while an evaluation goes by. */
export class EvaluationWatch {
  private readonly classes: number;
  private readonly size: number;
  private readonly normalization: Normalization;
  /** By label · classes + prediction. */
  private readonly counts = new Map<number, number>();
  /** Largest loss first. */
  private worst: Candidate[] = [];

  constructor(classes: number, size: number, normalization: Normalization) {
    this.classes = classes;
    this.size = size;
    this.normalization = normalization;
  }

  /** @param logits (n, classes), as those of an `EvaluationCounter` */
  add(logits: Float32Array, { x, labels, keys }: Pick<Batch, 'x' | 'labels' | 'keys'>): void {
    const elems = 3 * this.size ** 2;
    for (let i = 0; i < labels.length; i++) {
      const row = logits.subarray(i * this.classes, (i + 1) * this.classes);
      const label = labels[i] as number;
      const { predicted, loss, confidence } = judge(row, label);
      const at = label * this.classes + predicted;
      this.counts.set(at, (this.counts.get(at) ?? 0) + 1);
      if (predicted === label || !this.isAmongWorst(loss)) continue;
      const pixels = toBytes(x.subarray(i * elems, (i + 1) * elems), this.size, this.normalization);
      this.worst.push({ key: keys[i] ?? '', label, predicted, confidence, loss, pixels });
      this.worst = this.worst.sort((a, b) => b.loss - a.loss).slice(0, MISTAKES);
    }
  }

  private isAmongWorst(loss: number): boolean {
    const least = this.worst[MISTAKES - 1];
    return least === undefined || loss > least.loss;
  }

  async result(step: number, weights: Weights): Promise<EvaluationLook> {
    const cells = [...this.counts].map(([at, count]) => ({
      label: Math.floor(at / this.classes),
      predicted: at % this.classes,
      count,
    }));
    const perClass = Array.from({ length: this.classes }, () => ({ images: 0, correct: 0 }));
    for (const { label, predicted, count } of cells) {
      const own = perClass[label];
      if (own === undefined) continue;
      own.images += count;
      if (predicted === label) own.correct += count;
    }
    const mistakes: Mistake[] = [];
    for (const { pixels, ...mistake } of this.worst)
      mistakes.push({ ...mistake, ...(await pictureOf(pixels, this.size)) });
    const pairs = cells
      .filter(({ label, predicted }) => label !== predicted)
      .sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted);
    const confusion = this.classes > CONFUSION_CLASSES ? undefined : this.table();
    const images = cells.reduce((sum, { count }) => sum + count, 0);
    return {
      step,
      weights,
      images,
      perClass,
      ...(confusion && { confusion }),
      pairs: pairs.slice(0, PAIRS),
      mistakes,
    };
  }

  private table(): number[][] {
    const indices = Array.from({ length: this.classes }, (_, i) => i);
    return indices.map((label) =>
      indices.map((predicted) => this.counts.get(label * this.classes + predicted) ?? 0),
    );
  }
}

/** The likeliest class (ties to the lowest), its probability, and the label's cross-entropy. */
function judge(row: Float32Array, label: number): { predicted: number; confidence: number; loss: number } {
  let predicted = 0;
  for (let k = 1; k < row.length; k++) if ((row[k] as number) > (row[predicted] as number)) predicted = k;
  return { predicted, confidence: Math.exp(-crossEntropy(row, predicted)), loss: crossEntropy(row, label) };
}
