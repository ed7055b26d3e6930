// With g = gradient · gradientScale, and the gradient set to zero:
// AdamW: p ← p·decay; m ← β1 m + (1−β1) g; v ← β2 v + (1−β2) g²; p ← p − stepSize · m / (√v · rootCorrection + eps),
//   decay = 1 − lr·weightDecay, stepSize = lr/(1−β1^t), rootCorrection = 1/√(1−β2^t).
// SGD: g ← g + weightDecay·p; b ← momentum·b + g; p ← p − lr·(nesterov ? g + momentum·b : b).
// EMA: e ← emaDecay·e + (1 − emaDecay)·p. Where `apply` is 0 nothing changes, and the gradient
// stays to be looked at; below 0 only the gradient is zeroed.

/** Names of the scalars by position, in 32-bit floats. */
export type ScalarValues = Readonly<Record<string, number>>;

function scaledGradient(gradient: Float64Array, scalars: ScalarValues): Float64Array {
  const g = gradient.map((value) => value * (scalars['gradientScale'] as number));
  gradient.fill(0);
  return g;
}

function update(target: Float64Array, next: (value: number, i: number) => number): void {
  target.forEach((value, i) => (target[i] = next(value, i)));
}

export function emaReference(ema: Float64Array, parameter: Float64Array, s: ScalarValues): void {
  update(ema, (e, i) => (s['emaDecay'] as number) * e + (s['emaRest'] as number) * (parameter[i] as number));
}

export function adamwReference(
  [p, m, v, gradient]: readonly [Float64Array, Float64Array, Float64Array, Float64Array],
  ema: Float64Array | undefined,
  s: ScalarValues,
): void {
  const of = (name: string): number => s[name] as number;
  if (of('apply') < 0) gradient.fill(0);
  if (of('apply') <= 0) return;
  const g = scaledGradient(gradient, s);
  update(m, (value, i) => of('beta1') * value + of('rest1') * (g[i] as number));
  update(v, (value, i) => of('beta2') * value + of('rest2') * (g[i] as number) ** 2);
  update(p, (value, i) => {
    const denominator = Math.sqrt(v[i] as number) * of('rootCorrection') + of('eps');
    return value * of('decay') - (of('stepSize') * (m[i] as number)) / denominator;
  });
  if (ema !== undefined) emaReference(ema, p, s);
}

export function sgdMomentumReference(
  [p, buffer, gradient]: readonly [Float64Array, Float64Array, Float64Array],
  ema: Float64Array | undefined,
  s: ScalarValues,
  nesterov: boolean,
): void {
  const of = (name: string): number => s[name] as number;
  if (of('apply') < 0) gradient.fill(0);
  if (of('apply') <= 0) return;
  const g = scaledGradient(gradient, s);
  update(g, (value, i) => value + of('weightDecay') * (p[i] as number));
  update(buffer, (value, i) => of('momentum') * value + (g[i] as number));
  update(p, (value, i) => {
    const b = buffer[i] as number;
    return value - of('lr') * (nesterov ? (g[i] as number) + of('momentum') * b : b);
  });
  if (ema !== undefined) emaReference(ema, p, s);
}
