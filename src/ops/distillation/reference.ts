// For each sample, with logits z, soft targets t, the teacher's logits u, K classes:
//   loss = (1 − α) CE + α KD,  CE = −Σ t log softmax(z)
//   soft: KD = τ²/K Σ p (log p − log softmax(z/τ)), p = softmax(u/τ)     hard: KD = −log softmax(z)_c, c = argmax u
//   dz = dloss ((1 − α) (softmax(z) Σ t − t) + α dKD)
//   soft: dKD = τ/K (softmax(z/τ) − p)                                  hard: dKD = softmax(z) − onehot(c)

export interface DistillationAttrs {
  readonly kind: 'soft' | 'hard';
  /** Share of the teacher's term. */
  readonly alpha: number;
  /** What both logits are divided by; `soft` only. */
  readonly temperature: number;
}

type Data<N extends string> = Readonly<Record<N, Float64Array>>;

function logSoftmax(z: Float64Array, temperature: number): Float64Array {
  const largest = z.reduce((max, value) => Math.max(max, value), -Infinity);
  const sum = z.reduce((total, value) => total + Math.exp((value - largest) / temperature), 0);
  return z.map((value) => (value - largest) / temperature - Math.log(sum));
}

const sumOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);

/** The first of the largest. */
const argmax = (values: Float64Array) =>
  values.reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0);

/** The loss of one sample and its gradient. */
function sample(
  { logits: z, targets: t, teacher: u }: Data<'logits' | 'targets' | 'teacher'>,
  { kind, alpha, temperature }: DistillationAttrs,
): { loss: number; gradient: Float64Array } {
  const k = z.length;
  const own = logSoftmax(z, 1);
  const mass = sumOf(t);
  const ce = -sumOf(t.map((value, i) => value * (own[i] as number)));
  const dce = own.map((value, i) => Math.exp(value) * mass - (t[i] as number));
  let kd: number;
  let dkd: Float64Array;
  if (kind === 'soft') {
    const softened = logSoftmax(z, temperature);
    const taught = logSoftmax(u, temperature);
    kd = (temperature ** 2 / k) * sumOf(taught.map((p, i) => Math.exp(p) * (p - (softened[i] as number))));
    dkd = softened.map((value, i) => (temperature / k) * (Math.exp(value) - Math.exp(taught[i] as number)));
  } else {
    const taught = argmax(u);
    kd = -(own[taught] as number);
    dkd = own.map((value, i) => Math.exp(value) - Number(i === taught));
  }
  return {
    loss: (1 - alpha) * ce + alpha * kd,
    gradient: dce.map((value, i) => (1 - alpha) * value + alpha * (dkd[i] as number)),
  };
}

function* samples(
  k: number,
  { logits, targets, teacher }: Data<'logits' | 'targets' | 'teacher'>,
  attrs: DistillationAttrs,
) {
  for (let at = 0; at < logits.length; at += k)
    yield sample(
      {
        logits: logits.subarray(at, at + k),
        targets: targets.subarray(at, at + k),
        teacher: teacher.subarray(at, at + k),
      },
      attrs,
    );
}

export function distillationReference(
  k: number,
  data: Data<'logits' | 'targets' | 'teacher'>,
  attrs: DistillationAttrs,
): Data<'loss'> {
  return { loss: Float64Array.from(samples(k, data, attrs), ({ loss }) => loss) };
}

export function distillationGradientReference(
  k: number,
  data: Data<'logits' | 'targets' | 'teacher' | 'dloss'>,
  attrs: DistillationAttrs,
): Data<'dlogits'> {
  const dlogits = new Float64Array(data.logits.length);
  let row = 0;
  for (const { gradient } of samples(k, data, attrs)) {
    const scale = data.dloss[row] as number;
    dlogits.set(
      gradient.map((value) => scale * value),
      row++ * k,
    );
  }
  return { dlogits };
}
