import { describe, expect, it } from 'vitest';
import { EvaluationWatch } from '../../../src/training/look/evaluation-look.ts';
import { toBytes } from '../../../src/training/look/pictures.ts';

const PLAIN = { mean: [0, 0, 0], std: [1, 1, 1] } as const;

/** One-pixel images of three classes: label, logits. */
function watchOf(cases: readonly (readonly [number, readonly number[]])[], classes = 3): EvaluationWatch {
  const watch = new EvaluationWatch(classes, 1, PLAIN);
  const logits = Float32Array.from(cases.flatMap(([, row]) => row));
  const labels = Int32Array.from(cases, ([label]) => label);
  const x = Float32Array.from(cases.flatMap((_, i) => [i / 255, 0, 0]));
  watch.add(logits, { x, labels, keys: cases.map((_, i) => `image ${i}`) });
  return watch;
}

describe('what an evaluation gets wrong', () => {
  it('is counted by label and prediction, ties to the lowest class', async () => {
    const watch = watchOf([
      [0, [1, 0, 0]],
      [0, [0, 1, 0]],
      [1, [0, 2, 0]],
      [2, [3, 3, 0]],
      [2, [3, 0, 0]],
    ]);
    const look = await watch.result(7, 'ema');
    expect(look).toMatchObject({ step: 7, weights: 'ema', images: 5 });
    expect(look.confusion).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [2, 0, 0],
    ]);
    expect(look.perClass).toEqual([
      { images: 2, correct: 1 },
      { images: 1, correct: 1 },
      { images: 2, correct: 0 },
    ]);
    expect(look.pairs[0]).toEqual({ label: 2, predicted: 0, count: 2 });
  });

  it('is shown worst first, sixteen at most, with the loss and how sure the network was', async () => {
    const cases = Array.from({ length: 40 }, (_, i) => [0, [0, (i * 7) % 40, -50]] as const);
    const { mistakes } = await watchOf(cases).result(1, 'raw');
    const logits = mistakes.map(({ key }) => (Number(key.slice(6)) * 7) % 40);
    expect(logits).toEqual(Array.from({ length: 16 }, (_, i) => 39 - i));
    expect(mistakes[0]?.loss).toBeCloseTo(39, 6);
    expect(mistakes[0]?.confidence).toBeCloseTo(1, 6);
    expect(mistakes[0]?.source).toMatch(/^data:image\/png;base64,/);
  });

  it('has no matrix of classes that nobody could read', async () => {
    const { confusion, perClass } = await watchOf([[0, new Array<number>(100).fill(0)]], 100).result(
      1,
      'raw',
    );
    expect(confusion).toBeUndefined();
    expect(perClass).toHaveLength(100);
  });
});

describe('a picture', () => {
  it('has the bytes that normalisation came from, and clamps what mixing made larger', () => {
    const [mean, std] = [
      [0.5, 0.4, 0.3],
      [0.2, 0.25, 0.3],
    ] as const;
    const bytes = [0, 255, 17, 128, 3, 99, 200, 254, 1, 60, 70, 80];
    const x = new Float32Array(12);
    bytes.forEach((byte, i) => {
      const [pixel, c] = [Math.floor(i / 3), i % 3];
      x[c * 4 + pixel] = (byte / 255 - mean[c]!) / std[c]!;
    });
    expect([...toBytes(x, 2, { mean, std })]).toEqual(bytes);
    expect([...toBytes(Float32Array.of(2, -1, 0.5), 1, PLAIN)]).toEqual([255, 0, 128]);
  });
});
