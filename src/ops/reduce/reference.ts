// sum: y = factor · Σx;  sum-squares: y = Σx²;  non-finite: y = the number of infinities and NaNs in x;  spread: y = factor · x everywhere.

function total(x: Float64Array, term: (value: number) => number): Float64Array {
  return Float64Array.of(x.reduce((sum, value) => sum + term(value), 0));
}

export function sumReference(x: Float64Array, factor: number): Float64Array {
  return total(x, (value) => value).map((sum) => factor * sum);
}

export function sumSquaresReference(x: Float64Array): Float64Array {
  return total(x, (value) => value * value);
}

export function nonFiniteReference(x: Float64Array): Float64Array {
  return total(x, (value) => (Number.isFinite(value) ? 0 : 1));
}

export function spreadReference(x: Float64Array, elems: number, factor: number): Float64Array {
  return new Float64Array(elems).fill((x[0] as number) * factor);
}
