// For each row: y = e^{x − m} / Σ e^{x − m}, m = max x;  dx = y (dy − Σ dy y).

function eachRow(cols: number, n: number, visit: (first: number) => void): void {
  for (let first = 0; first < n; first += cols) visit(first);
}

export function softmaxReference(cols: number, x: Float64Array): Float64Array {
  const y = new Float64Array(x.length);
  eachRow(cols, x.length, (first) => {
    const row = x.subarray(first, first + cols);
    const largest = row.reduce((max, value) => Math.max(max, value), -Infinity);
    const powers = row.map((value) => Math.exp(value - largest));
    const mass = powers.reduce((sum, value) => sum + value, 0);
    y.set(
      powers.map((value) => value / mass),
      first,
    );
  });
  return y;
}

export function softmaxGradientReference(cols: number, y: Float64Array, dy: Float64Array): Float64Array {
  const dx = new Float64Array(y.length);
  eachRow(cols, y.length, (first) => {
    const own = y.subarray(first, first + cols);
    const dot = own.reduce((sum, value, i) => sum + value * (dy[first + i] as number), 0);
    own.forEach((value, i) => {
      dx[first + i] = value * ((dy[first + i] as number) - dot);
    });
  });
  return dx;
}
