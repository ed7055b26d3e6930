// y[i] = Σ_bj x[b, i, j]

export function rowSumReference(
  x: Float64Array,
  { rows, cols }: { readonly rows: number; readonly cols: number },
): Float64Array {
  const y = new Float64Array(rows);
  x.forEach((value, i) => {
    const row = Math.floor(i / cols) % rows;
    y[row] = (y[row] as number) + value;
  });
  return y;
}
