/** A model whose attacks are known exactly: logits = W x + b. */
import type { AttackedModel } from '../../../src/robustness/attacks/attack.ts';
import { Rng } from '../../../src/util/rng.ts';

export const SIDE = 4;
const ELEMS = 3 * SIDE ** 2;

export interface LinearModel extends AttackedModel {
  readonly w: readonly Float64Array[];
}

/** @param sees logits alone: a gradient is an error */
export function linearModel(classes: number, { gradients = true, scale = 1 } = {}): LinearModel {
  const rng = new Rng(1, 'linear');
  const w = Array.from({ length: classes }, () =>
    Float64Array.from({ length: ELEMS }, () => scale * rng.normal()),
  );
  const logits = (x: Float32Array) => {
    const n = x.length / ELEMS;
    const out = new Float32Array(n * classes);
    for (let i = 0; i < n; i++)
      for (let k = 0; k < classes; k++)
        out[i * classes + k] = w[k]!.reduce((sum, value, j) => sum + value * x[i * ELEMS + j]!, 0);
    return out;
  };
  return {
    ...{ classes, imageSize: SIDE, elems: ELEMS, bounds: [0, 1], w },
    logits: async (x) => logits(x),
    gradient: async (x, objective) => {
      if (!gradients) throw new Error('no gradients here');
      const z = logits(x);
      const n = x.length / ELEMS;
      const [dx, values] = [new Float32Array(x.length), new Float64Array(n)];
      for (let i = 0; i < n; i++) {
        const dz = new Float32Array(classes);
        values[i] = objective(z.subarray(i * classes, (i + 1) * classes), dz, i);
        for (let j = 0; j < ELEMS; j++) dx[i * ELEMS + j] = dz.reduce((sum, d, k) => sum + d * w[k]![j]!, 0);
      }
      return { logits: z, dx, values };
    },
  };
}

/** Images far from black and white, with the classes that the model gives them. */
export async function imagesOf(model: LinearModel, n: number) {
  const rng = new Rng(2, 'images');
  const x = Float32Array.from({ length: n * model.elems }, () => rng.between(0.3, 0.7));
  const z = await model.logits(x);
  const labels = Array.from({ length: n }, (_, i) => {
    const row = z.subarray(i * model.classes, (i + 1) * model.classes);
    return row.indexOf(Math.max(...row));
  });
  return { x, labels, numbers: labels.map((_, i) => i) };
}

/** The smallest ε in l∞ or l2 at which an image can be taken for another class, while no pixel meets its bounds. */
export function distanceTo(model: LinearModel, x: Float32Array, label: number, norm: 'linf' | 'l2'): number {
  return Math.min(
    ...model.w.map((other, k) => {
      if (k === label) return Infinity;
      const difference = other.map((value, j) => value - model.w[label]![j]!);
      const margin = -difference.reduce((sum, value, j) => sum + value * x[j]!, 0);
      const dual = difference.reduce((sum, v) => sum + (norm === 'linf' ? Math.abs(v) : v * v), 0);
      return margin / (norm === 'linf' ? dual : Math.sqrt(dual));
    }),
  );
}
