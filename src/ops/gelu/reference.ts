// y = x Φ(x), dy/dx = Φ(x) + x φ(x), Φ(x) = (1 + erf(x/√2))/2, φ the standard normal density.

/** erf in float64: Taylor series below 3, continued fraction for erfc above; relative error below 1e-14. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 3) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
      if (n > 200 || sum === 0) break;
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
}

export function geluReference(x: Float64Array): Float64Array {
  return x.map((v) => (v * (1 + erf(v / Math.SQRT2))) / 2);
}

export function geluGradientReference(x: Float64Array, dy: Float64Array): Float64Array {
  return x.map((v, i) => {
    const cdf = (1 + erf(v / Math.SQRT2)) / 2;
    const density = Math.exp((-v * v) / 2) / Math.sqrt(2 * Math.PI);
    return (dy[i] as number) * (cdf + v * density);
  });
}
