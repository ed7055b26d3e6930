// For each row w of a weight, one output channel over (ci/groups, kh, kw): m = mean(w), v = mean((w − m)²), y = (w − m)/√(v + eps).
// dw = rstd·(dy − mean(dy) − y·mean(dy·y)) with rstd = 1/√(v + eps).

type Data<N extends string> = Readonly<Record<N, Float64Array>>;

const meanOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

export function standardizeReference(
  weight: Float64Array,
  rows: number,
  eps: number,
): Data<'y' | 'mean' | 'rstd'> {
  const length = weight.length / rows;
  const y = new Float64Array(weight.length);
  const mean = new Float64Array(rows);
  const rstd = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = weight.subarray(r * length, (r + 1) * length);
    const m = meanOf(row);
    const scale = 1 / Math.sqrt(meanOf(row.map((value) => (value - m) ** 2)) + eps);
    y.set(
      row.map((value) => (value - m) * scale),
      r * length,
    );
    mean[r] = m;
    rstd[r] = scale;
  }
  return { y, mean, rstd };
}

/** The same for weights in f32, without its intermediate values. */
export function standardized(weight: Float32Array, rows: number, eps: number): Float32Array {
  const length = weight.length / rows;
  const y = new Float32Array(weight.length);
  for (let from = 0; from < weight.length; from += length) {
    const to = from + length;
    let sum = 0;
    for (let i = from; i < to; i++) sum += weight[i] ?? NaN;
    const mean = sum / length;
    let squares = 0;
    for (let i = from; i < to; i++) squares += ((weight[i] ?? NaN) - mean) ** 2;
    const rstd = 1 / Math.sqrt(squares / length + eps);
    for (let i = from; i < to; i++) y[i] = ((weight[i] ?? NaN) - mean) * rstd;
  }
  return y;
}

export function standardizeGradientReference({
  weight,
  mean,
  rstd,
  dy,
}: Data<'weight' | 'mean' | 'rstd' | 'dy'>): Float64Array {
  const length = weight.length / mean.length;
  const dweight = new Float64Array(weight.length);
  mean.forEach((m, r) => {
    const scale = rstd[r] ?? NaN;
    const upstream = dy.subarray(r * length, (r + 1) * length);
    const y = weight.subarray(r * length, (r + 1) * length).map((value) => (value - m) * scale);
    const sum = meanOf(upstream);
    const product = meanOf(upstream.map((value, i) => value * (y[i] ?? NaN)));
    dweight.set(
      upstream.map((value, i) => scale * (value - sum - (y[i] ?? NaN) * product)),
      r * length,
    );
  });
  return dweight;
}
