// y[j] = Σ_i x[i, j]

export function columnSumReference(x: Float64Array, cols: number): Float64Array {
  const y = new Float64Array(cols);
  x.forEach((value, i) => (y[i % cols] = (y[i % cols] as number) + value));
  return y;
}
