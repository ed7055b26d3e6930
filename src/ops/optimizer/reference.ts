import { SCALER } from '../loss-scale/op.ts';

// With g = gradient · gradientScale, and the gradient set to zero:
// AdamW: p ← p·decay; m ← β1 m + (1−β1) g; v ← β2 v + (1−β2) g²; p ← p − stepSize · m / (√v · rootCorrection + eps),
//   decay = 1 − lr·weightDecay, stepSize = lr/(1−β1^t), rootCorrection = 1/√(1−β2^t).
// SGD: g ← g + weightDecay·p; b ← momentum·b + g; p ← p − lr·(nesterov ? g + momentum·b : b).
// EMA: e ← emaDecay·e + (1 − emaDecay)·p. If `apply` is 0, nothing changes and the gradient stays for inspection; if it is below 0,
// only the gradient is zeroed.
// Clip: gradientScale ← gradientScale / scale of the loss; norm = √Σg² · gradientScale; not finite: apply ← 0, or −1 with a scale;
//   else above maxNorm > 0: gradientScale ← gradientScale · maxNorm / (norm + 1e-6). With the loss scaler's count of skipped steps
//   t = step − skipped, as torch.amp.GradScaler leaves optimizer.step() out.

/** Fields of the scalars tensor in order; `struct Scalars` of shaders/optimizer/scalars.wgsl has the same. */
export const SCALARS = [
  'decay',
  'beta1',
  'rest1',
  'beta2',
  'rest2',
  'eps',
  'stepSize',
  'rootCorrection',
  'gradientScale',
  'apply',
  'lr',
  'momentum',
  'weightDecay',
  'emaDecay',
  'emaRest',
  'maxNorm',
  'step',
  'logBeta1',
  'logBeta2',
] as const;

const SKIPPED = SCALER.indexOf('skipped');

type ScalarValues = Readonly<Record<(typeof SCALARS)[number], number>>;

function unpack(scalars: Float64Array): ScalarValues {
  return Object.fromEntries(SCALARS.map((name, i) => [name, scalars[i]])) as ScalarValues;
}

/** The gradient that a step uses; undefined if the step changes nothing. */
function taken(gradient: Float64Array, s: ScalarValues): Float64Array | undefined {
  const g = gradient.map((value) => value * s.gradientScale);
  if (s.apply !== 0) gradient.fill(0);
  return s.apply > 0 ? g : undefined;
}

function update(target: Float64Array, next: (value: number, i: number) => number): void {
  target.forEach((value, i) => (target[i] = next(value, i)));
}

export function emaReference(ema: Float64Array, parameter: Float64Array, scalars: Float64Array): void {
  const { emaDecay, emaRest } = unpack(scalars);
  update(ema, (e, i) => emaDecay * e + emaRest * (parameter[i] as number));
}

interface Stepped {
  readonly parameter: Float64Array;
  readonly gradient: Float64Array;
  readonly scalars: Float64Array;
  readonly ema?: Float64Array | undefined;
}

export function adamwReference({
  parameter,
  m,
  v,
  gradient,
  scalars,
  ema,
}: Stepped & { readonly m: Float64Array; readonly v: Float64Array }): void {
  const s = unpack(scalars);
  const g = taken(gradient, s);
  if (g === undefined) return;
  update(m, (value, i) => s.beta1 * value + s.rest1 * (g[i] as number));
  update(v, (value, i) => s.beta2 * value + s.rest2 * (g[i] as number) ** 2);
  update(parameter, (value, i) => {
    const denominator = Math.sqrt(v[i] as number) * s.rootCorrection + s.eps;
    return value * s.decay - (s.stepSize * (m[i] as number)) / denominator;
  });
  if (ema !== undefined) emaReference(ema, parameter, scalars);
}

export function sgdMomentumReference(
  { parameter, buffer, gradient, scalars, ema }: Stepped & { readonly buffer: Float64Array },
  nesterov: boolean,
): void {
  const s = unpack(scalars);
  const g = taken(gradient, s);
  if (g === undefined) return;
  update(g, (value, i) => value + s.weightDecay * (parameter[i] as number));
  update(buffer, (value, i) => s.momentum * value + (g[i] as number));
  update(parameter, (value, i) => {
    const b = buffer[i] as number;
    return value - s.lr * (nesterov ? (g[i] as number) + s.momentum * b : b);
  });
  if (ema !== undefined) emaReference(ema, parameter, scalars);
}

export function clipFactorReference(
  squares: Float64Array,
  scalars: Float64Array,
  scaler: Float64Array | undefined,
): void {
  const { gradientScale, maxNorm, lr, step, logBeta1, logBeta2 } = unpack(scalars);
  const scale = gradientScale / (scaler?.[0] ?? 1);
  const norm = Math.sqrt(squares[0] as number) * scale;
  const clips = Number.isFinite(norm) && maxNorm > 0;
  scalars[SCALARS.indexOf('gradientScale')] = clips ? scale * Math.min(1, maxNorm / (norm + 1e-6)) : scale;
  if (!Number.isFinite(norm)) scalars[SCALARS.indexOf('apply')] = scaler === undefined ? 0 : -1;
  const skipped = scaler?.[SKIPPED] ?? 0;
  if (skipped === 0) return;
  const taken = step - skipped;
  scalars[SCALARS.indexOf('stepSize')] = lr / -Math.expm1(taken * logBeta1);
  scalars[SCALARS.indexOf('rootCorrection')] = 1 / Math.sqrt(-Math.expm1(taken * logBeta2));
}
