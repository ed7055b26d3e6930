import { streamId } from '../../src/util/rng.ts';
import { elems } from '../../src/ops/tensor.ts';

/** The formula data of test/golden/models/torch_models.py, number for number. */

/** n numbers in [−1, 1): murmur3's finaliser of hash(name) + index. */
export function uniform(name: string, n: number): Float64Array {
  const start = streamId(name);
  return Float64Array.from({ length: n }, (_, i) => {
    let x = (Math.imul(i, 0x9e3779b9) + start) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

/** The value of a state-dict entry, rounded to float32. */
export function formula(name: string, shape: readonly number[]): Float64Array {
  const n = elems(shape);
  const [offset, scale] = range(name, shape, n);
  return uniform(name, n).map((u) => Math.fround(offset + scale * u));
}

function range(name: string, shape: readonly number[], n: number): [offset: number, scale: number] {
  if (name.endsWith('running_var')) return [1, 0.5];
  if (name.endsWith('gamma')) return [0.5, 0.25];
  if (shape.length >= 2) return [0, Math.sqrt(3 / (n / (shape[0] as number)))];
  return name.endsWith('.weight') ? [1, 0.2] : [0, 0.2];
}

/** (n, channels, size, size) */
export function images(n: number, channels: number, size: number): Float64Array {
  return uniform('x', n * channels * size * size).map((u) => Math.fround(1.7 * u));
}

/** Rows of positive numbers that sum to 1: (n, classes). */
export function targets(n: number, classes: number): Float64Array {
  const squares = uniform('targets', n * classes).map((u) => (u + 1) ** 2);
  const sums = Float64Array.from({ length: n }, (_, row) =>
    squares.subarray(row * classes, (row + 1) * classes).reduce((sum, value) => sum + value, 0),
  );
  return squares.map((value, i) => Math.fround(value / (sums[Math.floor(i / classes)] as number)));
}

/** What the goldens keep of a tensor: Euclidean norm, dot product with a formula vector, first and last element. */
export type Summary = readonly [norm: number, probe: number, first: number, last: number];

export function summary(name: string, data: ArrayLike<number>): Summary {
  const probe = uniform(`probe ${name}`, data.length);
  let squares = 0;
  let dot = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    squares += value * value;
    dot += value * (probe[i] as number);
  }
  return [Math.sqrt(squares), dot, data[0] as number, data[data.length - 1] as number];
}
