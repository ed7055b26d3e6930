// y[n] = the channels of a[n], then those of b[n].

/** a (n, ca, area) and b (n, cb, area). */
export interface ConcatShape {
  readonly n: number;
  /** Elements of an image. */
  readonly a: number;
  readonly b: number;
}

export function concatReference(
  { n, a, b }: ConcatShape,
  first: Float64Array,
  second: Float64Array,
): Float64Array {
  const y = new Float64Array(n * (a + b));
  for (let i = 0; i < n; i++) {
    y.set(first.subarray(i * a, (i + 1) * a), i * (a + b));
    y.set(second.subarray(i * b, (i + 1) * b), i * (a + b) + a);
  }
  return y;
}

export function concatGradientReference(
  { n, a, b }: ConcatShape,
  dy: Float64Array,
): Readonly<Record<'da' | 'db', Float64Array>> {
  const da = new Float64Array(n * a);
  const db = new Float64Array(n * b);
  for (let i = 0; i < n; i++) {
    da.set(dy.subarray(i * (a + b), i * (a + b) + a), i * a);
    db.set(dy.subarray(i * (a + b) + a, (i + 1) * (a + b)), i * b);
  }
  return { da, db };
}
