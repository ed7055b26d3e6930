// Over the N·H·W elements of a channel: m = mean(x), v = mean((x − m)²), x̂ = (x − m)/√(v + eps), y = weight·x̂ + bias.
// Training updates running ← (1 − momentum)·running + momentum·batch with the mean and the unbiased variance v·M/(M − 1);
// inference normalises by the running statistics.
// With z = relu ? dy·[y > 0] : dy: dbias = Σz, dweight = Σz·x̂, and
// dx = weight·rstd·(z − dbias/M − x̂·dweight/M) in training, weight·rstd·z in inference.

/** x as (n, c, area). */
export interface NormShape {
  readonly n: number;
  readonly c: number;
  readonly area: number;
}

/** Calls `visit` with every offset into channel `c`. */
function eachOf({ n, c: channels, area }: NormShape, c: number, visit: (at: number) => void): void {
  for (let i = 0; i < n; i++) for (let s = 0; s < area; s++) visit((i * channels + c) * area + s);
}

type Data<N extends string> = Readonly<Record<N, Float64Array>>;

/** Updates the running statistics in place where `momentum` is given. */
export function batchNormReference(
  shape: NormShape,
  {
    x,
    weight,
    bias,
    running_mean: runningMean,
    running_var: runningVar,
  }: Data<'x' | 'weight' | 'bias' | 'running_mean' | 'running_var'>,
  {
    eps,
    training,
    momentum,
    relu,
  }: { eps: number; training: boolean; momentum: number | undefined; relu: boolean },
): Data<'y' | 'mean' | 'rstd'> {
  const count = shape.n * shape.area;
  const y = new Float64Array(x.length);
  const mean = runningMean.slice();
  const variance = runningVar.slice();
  for (let c = 0; c < shape.c; c++) {
    if (training) {
      let sum = 0;
      eachOf(shape, c, (at) => (sum += x[at] as number));
      const m = sum / count;
      let squares = 0;
      eachOf(shape, c, (at) => (squares += ((x[at] as number) - m) ** 2));
      mean[c] = m;
      variance[c] = squares / count;
      if (momentum !== undefined) {
        runningMean[c] = (1 - momentum) * (runningMean[c] as number) + momentum * m;
        runningVar[c] = (1 - momentum) * (runningVar[c] as number) + (momentum * squares) / (count - 1);
      }
    }
    const rstd = 1 / Math.sqrt((variance[c] as number) + eps);
    eachOf(shape, c, (at) => {
      const value =
        ((x[at] as number) - (mean[c] as number)) * rstd * (weight[c] as number) + (bias[c] as number);
      y[at] = relu ? Math.max(value, 0) : value;
    });
  }
  return { y, mean, rstd: variance.map((v) => 1 / Math.sqrt(v + eps)) };
}

export function batchNormGradientReference(
  shape: NormShape,
  { x, weight, bias, mean, rstd, dy }: Data<'x' | 'weight' | 'bias' | 'mean' | 'rstd' | 'dy'>,
  { training, relu }: { training: boolean; relu: boolean },
): Data<'dx' | 'dweight' | 'dbias'> {
  const count = shape.n * shape.area;
  const of = (values: Float64Array, i: number): number => values[i] ?? NaN;
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(shape.c);
  const dbias = new Float64Array(shape.c);
  for (let c = 0; c < shape.c; c++) {
    const normalized = (at: number) => (of(x, at) - of(mean, c)) * of(rstd, c);
    const upstream = (at: number) =>
      relu && normalized(at) * of(weight, c) + of(bias, c) <= 0 ? 0 : of(dy, at);
    let sum = 0;
    let product = 0;
    eachOf(shape, c, (at) => {
      sum += upstream(at);
      product += upstream(at) * normalized(at);
    });
    dbias[c] = sum;
    dweight[c] = product;
    eachOf(shape, c, (at) => {
      const centred = training ? sum / count + (normalized(at) * product) / count : 0;
      dx[at] = of(weight, c) * of(rstd, c) * (upstream(at) - centred);
    });
  }
  return { dx, dweight, dbias };
}
