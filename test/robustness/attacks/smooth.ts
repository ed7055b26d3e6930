/** A smooth model of two layers, whose attacks were also run with the reference implementation: `test/golden/robustness/attacks.py`. */
import type { AttackedModel } from '../../../src/robustness/attacks/attack.ts';
import { Rng } from '../../../src/util/rng.ts';

const SIDE = 8;
const ELEMS = 3 * SIDE ** 2;
const HIDDEN = 16;
const CLASSES = 6;

const normals = (stream: string, length: number, scale: number) => {
  const rng = new Rng(4, stream);
  return Float64Array.from({ length }, () => Math.fround(scale * rng.normal()));
};
export const WEIGHTS = {
  first: normals('first', HIDDEN * ELEMS, 0.3), // (hidden, elems)
  second: normals('second', CLASSES * HIDDEN, 1.5), // (classes, hidden)
};

/** second · tanh(first · x), in doubles. */
function forward(x: Float32Array): { hidden: Float64Array; logits: Float32Array } {
  const n = x.length / ELEMS;
  const hidden = new Float64Array(n * HIDDEN);
  const logits = new Float32Array(n * CLASSES);
  for (let i = 0; i < n; i++) {
    for (let h = 0; h < HIDDEN; h++) {
      let sum = 0;
      for (let j = 0; j < ELEMS; j++) sum += WEIGHTS.first[h * ELEMS + j]! * (x[i * ELEMS + j]! - 0.5);
      hidden[i * HIDDEN + h] = Math.tanh(sum);
    }
    for (let k = 0; k < CLASSES; k++) {
      let sum = 0;
      for (let h = 0; h < HIDDEN; h++) sum += WEIGHTS.second[k * HIDDEN + h]! * hidden[i * HIDDEN + h]!;
      logits[i * CLASSES + k] = sum;
    }
  }
  return { hidden, logits };
}

export const smoothModel: AttackedModel = {
  ...{ classes: CLASSES, imageSize: SIDE, elems: ELEMS, bounds: [0, 1] },
  logits: (x) => Promise.resolve(forward(x).logits),
  gradient: (x, objective) => {
    const { hidden, logits } = forward(x);
    const n = x.length / ELEMS;
    const [dx, values] = [new Float32Array(x.length), new Float64Array(n)];
    for (let i = 0; i < n; i++) {
      const dz = new Float32Array(CLASSES);
      values[i] = objective(logits.subarray(i * CLASSES, (i + 1) * CLASSES), dz, i);
      const slopes = Float64Array.from({ length: HIDDEN }, (_, h) => {
        const sum = dz.reduce((total, d, k) => total + d * WEIGHTS.second[k * HIDDEN + h]!, 0);
        return sum * (1 - hidden[i * HIDDEN + h]! ** 2);
      });
      for (let j = 0; j < ELEMS; j++)
        dx[i * ELEMS + j] = slopes.reduce((sum, s, h) => sum + s * WEIGHTS.first[h * ELEMS + j]!, 0);
    }
    return Promise.resolve({ logits, dx, values });
  },
};

/** Images with the classes that the model gives them; `ranked` are all classes, likeliest first. */
export function smoothImages(n = 6) {
  const rng = new Rng(5, 'pictures');
  const x = Float32Array.from({ length: n * ELEMS }, () => rng.uniform());
  const { logits } = forward(x);
  const ranked = Array.from({ length: n }, (_, i) => {
    const row = logits.subarray(i * CLASSES, (i + 1) * CLASSES);
    return [...row.keys()].sort((a, b) => row[b]! - row[a]!);
  });
  return {
    images: { x, labels: ranked.map(([first]) => first!), numbers: ranked.map((_, i) => 10 * i) },
    ranked,
  };
}

/** What the golden attacks were run with. */
export const GOLDEN = { eps: 0.01, steps: 50, queries: 120, seed: 3 } as const;
