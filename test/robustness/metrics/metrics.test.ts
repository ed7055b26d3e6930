import { describe, expect, it } from 'vitest';
import { imagenetClasses, imagenetSubset } from '../../../src/data/classes.ts';
import { argmax, proportion, rankOf, restrict, softmax } from '../../../src/robustness/metrics/accuracy.ts';
import type { CalibrationState } from '../../../src/robustness/metrics/calibration.ts';
import {
  Calibration,
  mergeCalibration,
  rmsCalibrationError,
  summariseCalibration,
} from '../../../src/robustness/metrics/calibration.ts';
import { auroc, averagePrecision, falsePositiveRate } from '../../../src/robustness/metrics/detection.ts';
import { backgroundGap, predictImagenet9 } from '../../../src/robustness/metrics/imagenet9.ts';
import { imagenet9Classes } from '../../../src/robustness/metrics/normalisers.ts';
import { Rng } from '../../../src/util/rng.ts';

describe('accuracy', () => {
  it("Wilson's interval: textbook values and coverage at the ends", () => {
    // 15 of 20: R's prop.test(15, 20, correct = FALSE) gives 0.5313 … 0.8881.
    const middle = proportion(15, 20);
    expect([middle.value, middle.low, middle.high].map((v) => v.toFixed(4))).toEqual([
      '0.7500',
      '0.5313',
      '0.8881',
    ]);
    expect(proportion(0, 50).low).toBe(0);
    expect(proportion(0, 50).high).toBeCloseTo(0.0713, 4);
    expect(() => proportion(0, 0)).toThrow(/0 correct among 0/);
  });

  it('arg-max and ranks give ties to the lowest index; NaN is an error', () => {
    expect(argmax([1, 3, 3, 2])).toBe(1);
    expect([0, 1, 2, 3].map((label) => rankOf([1, 3, 3, 2], label))).toEqual([3, 0, 1, 2]);
    expect(() => argmax([1, NaN])).toThrow(/logit 1 of 2/);
    const rng = new Rng(1, 'ranks');
    for (let trial = 0; trial < 50; trial++) {
      const logits = Array.from({ length: 8 }, () => rng.int(4));
      const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
      expect(order.map((c) => rankOf(logits, c))).toEqual([...order.keys()]);
      expect(argmax(logits)).toBe(order[0]);
    }
  });

  it('masked200 equals "all other logits to minus infinity"', () => {
    const { indices1k } = imagenetSubset('a');
    const rng = new Rng(2, 'mask');
    for (let trial = 0; trial < 20; trial++) {
      const logits = Float32Array.from({ length: 1000 }, () => rng.int(50));
      const masked = logits.map((v, i) => (indices1k.includes(i) ? v : -Infinity));
      expect(indices1k[argmax(restrict(logits, indices1k))]).toBe(argmax(masked));
    }
  });
});

/** Definition without sorting: every distinct threshold in turn. */
function bruteForce(positives: number[], negatives: number[]) {
  const thresholds = [...new Set([...positives, ...negatives])].sort((a, b) => b - a);
  let [ap, before] = [0, 0];
  let fpr95: number | undefined;
  for (const t of thresholds) {
    const tp = positives.filter((s) => s >= t).length;
    const fp = negatives.filter((s) => s >= t).length;
    ap += (tp / positives.length - before) * (tp / (tp + fp));
    before = tp / positives.length;
    if (before >= 0.95) fpr95 ??= fp / negatives.length;
  }
  let wins = 0;
  for (const p of positives) for (const n of negatives) wins += p > n ? 1 : p === n ? 0.5 : 0;
  return { ap, auroc: wins / positives.length / negatives.length, fpr95 };
}

describe('detection', () => {
  it('a constructed case with ties: positives and negatives of one score count together', () => {
    // Thresholds 0.9 (1 of 1), 0.5 (2 of 4 at once), 0.1 (3 of 5): ⅓·1 + ⅓·½ + ⅓·⅗.
    expect(averagePrecision([0.9, 0.5, 0.1], [0.5, 0.5])).toBeCloseTo((1 + 0.5 + 0.6) / 3, 12);
    expect(auroc([0.9, 0.5, 0.1], [0.5, 0.5])).toBeCloseTo((2 + 1 + 0) / 6, 12);
    expect(averagePrecision([1, 1], [1, 1, 1, 1, 1, 1])).toBeCloseTo(0.25, 12);
  });

  it('chance on the sizes of ImageNet-O is 16.7 %', () => {
    expect(averagePrecision(new Float64Array(2000), new Float64Array(10_000))).toBeCloseTo(1 / 6, 12);
  });

  it('agrees with the definition on random scores with many ties', () => {
    const rng = new Rng(3, 'detection');
    for (let trial = 0; trial < 40; trial++) {
      const scores = (n: number): number[] => Array.from({ length: n }, () => rng.int(12) / 12);
      const [p, n] = [scores(1 + rng.int(25)), scores(1 + rng.int(25))];
      const expected = bruteForce(p, n);
      expect(averagePrecision(p, n)).toBeCloseTo(expected.ap, 12);
      expect(auroc(p, n)).toBeCloseTo(expected.auroc, 12);
      expect(falsePositiveRate(p, n)).toBeCloseTo(expected.fpr95!, 12);
    }
    expect(() => averagePrecision([], [1])).toThrow(/0 positive and 1 negative/);
  });
});

describe('ImageNet-9', () => {
  it('maps all 1000 classes: 370 to the nine with the published counts, 630 to none', () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 1000; i++) {
      const logits = new Float32Array(1000);
      logits[i] = 1;
      const coarse = predictImagenet9(logits);
      expect(coarse).toBe(imagenet9Classes().map_1k_to_9[i]);
      counts.set(coarse, (counts.get(coarse) ?? 0) + 1);
    }
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map((c) => counts.get(c))).toEqual([
      116, 52, 42, 36, 35, 27, 26, 20, 16,
    ]);
    expect(counts.get(-1)).toBe(630);
    const name = (wnid: string): number => imagenetClasses().findIndex((c) => c.id === wnid);
    const map = imagenet9Classes().map_1k_to_9;
    expect([map[name('n02099601')], map[name('n01440764')], map[name('n02701002')]]).toEqual([0, 8, 2]);
  });

  it('9-class models are compared directly; the gap of Table 3', () => {
    expect(predictImagenet9([0, 0, 5, 0, 0, 0, 0, 0, 0])).toBe(2);
    expect(backgroundGap(0.923, 0.882)).toBeCloseTo(0.041, 12);
  });
});

describe('calibration', () => {
  /** Two-class logits whose softmax has the given confidence in class 0. */
  const confident = (confidence: number): number[] => [Math.log(confidence / (1 - confidence)), 0];
  it('NLL is exact where the probability of the label underflows', () => {
    const calibration = new Calibration();
    calibration.add([0, -2000], 1);
    calibration.add([1000, 990], 1);
    expect(calibration.state().nll).toBeCloseTo(2000 + 10 + Math.log1p(Math.exp(-10)), 9);
  });

  const stateOf = (confidences: number[], correct: number[]): CalibrationState => {
    const calibration = new Calibration();
    for (const [i, confidence] of confidences.entries())
      calibration.add(confident(confidence), correct[i] ? 0 : 1);
    return calibration.state();
  };

  it('a perfectly calibrated and an overconfident set', () => {
    const correct = Array.from({ length: 1000 }, (_, i) => (i % 10 < 7 ? 1 : 0));
    const right = summariseCalibration(stateOf(correct.map(() => 0.7), correct)); // prettier-ignore
    expect(right.ece).toBeCloseTo(0, 12);
    expect(right.rms).toBeCloseTo(0, 12);
    expect(right.nll).toBeCloseTo(-0.7 * Math.log(0.7) - 0.3 * Math.log(0.3), 12);
    const over = summariseCalibration(stateOf(correct.map(() => 0.95), correct)); // prettier-ignore
    expect([over.ece, over.rms].map((v) => v.toFixed(10))).toEqual(['0.2500000000', '0.2500000000']);
  });

  it('agrees with the definition bin by bin', () => {
    const rng = new Rng(4, 'calibration');
    const confidences = Array.from({ length: 400 }, () => 0.5 + rng.uniform() / 2);
    const correct = confidences.map((c) => (rng.chance(c * c) ? 1 : 0));
    let ece = 0;
    for (let bin = 0; bin < 15; bin++) {
      const inside = [...confidences.keys()].filter(
        (i) => confidences[i]! > bin / 15 && confidences[i]! <= (bin + 1) / 15,
      );
      const meanOf = (values: number[]): number =>
        inside.reduce((sum, i) => sum + values[i]!, 0) / inside.length;
      if (inside.length > 0) ece += (inside.length / 400) * Math.abs(meanOf(confidences) - meanOf(correct));
    }
    expect(summariseCalibration(stateOf(confidences, correct)).ece).toBeCloseTo(ece, 10);
    const order = [...confidences.keys()].sort((a, b) => confidences[a]! - confidences[b]!);
    let squares = 0;
    for (let bin = 0; bin < 4; bin++) {
      const members = order.slice(100 * bin, 100 * bin + 100);
      const gap = members.reduce((sum, i) => sum + confidences[i]! - correct[i]!, 0) / 100;
      squares += gap ** 2 / 4;
    }
    expect(rmsCalibrationError(confidences, correct)).toBeCloseTo(Math.sqrt(squares), 12);
  });

  it('is the same from one part or from several; kept or not', () => {
    const rng = new Rng(5, 'parts');
    const [whole, first, second] = [new Calibration(), new Calibration(), new Calibration()];
    let nll = 0;
    for (let i = 0; i < 60; i++) {
      const logits = Float32Array.from({ length: 10 }, () => 3 * rng.normal());
      const label = rng.int(10);
      nll -= Math.log(softmax(logits)[label]!) / 60;
      for (const part of [whole, i < 25 ? first : second]) part.add(logits, label);
    }
    const merged = summariseCalibration(mergeCalibration([first.state(), second.state()]));
    const single = summariseCalibration(whole.state());
    expect(merged.rms).toBe(single.rms);
    expect(merged.ece).toBeCloseTo(single.ece, 12);
    expect(merged.nll).toBeCloseTo(single.nll, 12);
    expect(single.nll).toBeCloseTo(nll, 10);
    expect(() => summariseCalibration(new Calibration().state())).toThrow(/no predictions/);
  });
});
