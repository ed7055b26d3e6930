// For each image, over the elements of each of G groups of channels: m = mean(x), v = mean((x − m)²), x̂ = (x − m)/√(v + eps),
// y = weight·x̂ + bias, then max(y, 0) with ReLU.
// With z = relu ? dy·[y > 0] : dy and g = weight·z: dbias = Σz, dweight = Σz·x̂ over images and maps, and
// dx = rstd·(g − mean(g) − x̂·mean(g·x̂)), means over a group.

/** x as (n, groups, channels a group, area). */
export interface GroupShape {
  readonly n: number;
  readonly groups: number;
  /** Channels of a group. */
  readonly channels: number;
  readonly area: number;
}

type Data<N extends string> = Readonly<Record<N, Float64Array>>;

const meanOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

export function groupNormReference(
  { n, groups, channels, area }: GroupShape,
  { x, weight, bias }: Data<'x' | 'weight' | 'bias'>,
  { eps, relu }: { eps: number; relu: boolean },
): Data<'y' | 'mean' | 'rstd'> {
  const y = new Float64Array(x.length);
  const mean = new Float64Array(n * groups);
  const rstd = new Float64Array(n * groups);
  const size = channels * area;
  for (let group = 0; group < n * groups; group++) {
    const values = x.subarray(group * size, (group + 1) * size);
    const m = meanOf(values);
    const scale = 1 / Math.sqrt(meanOf(values.map((value) => (value - m) ** 2)) + eps);
    values.forEach((value, i) => {
      const c = (group % groups) * channels + Math.floor(i / area);
      const result = (value - m) * scale * (weight[c] ?? NaN) + (bias[c] ?? NaN);
      y[group * size + i] = relu ? Math.max(result, 0) : result;
    });
    mean[group] = m;
    rstd[group] = scale;
  }
  return { y, mean, rstd };
}

export function groupNormGradientReference(
  { n, groups, channels, area }: GroupShape,
  { x, weight, bias, mean, rstd, dy }: Data<'x' | 'weight' | 'bias' | 'mean' | 'rstd' | 'dy'>,
  { relu }: { relu: boolean },
): Data<'dx' | 'dweight' | 'dbias'> {
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(groups * channels);
  const dbias = new Float64Array(groups * channels);
  const size = channels * area;
  for (let group = 0; group < n * groups; group++) {
    const scale = rstd[group] ?? NaN;
    const first = (group % groups) * channels;
    const normal = x
      .subarray(group * size, (group + 1) * size)
      .map((v) => (v - (mean[group] ?? NaN)) * scale);
    const g = normal.map((value, i) => {
      const c = first + Math.floor(i / area);
      const isCut = relu && value * (weight[c] ?? NaN) + (bias[c] ?? NaN) <= 0;
      const z = isCut ? 0 : (dy[group * size + i] ?? NaN);
      dbias[c] = (dbias[c] ?? NaN) + z;
      dweight[c] = (dweight[c] ?? NaN) + z * value;
      return z * (weight[c] ?? NaN);
    });
    const sum = meanOf(g);
    const product = meanOf(g.map((value, i) => value * (normal[i] ?? NaN)));
    dx.set(
      g.map((value, i) => scale * (value - sum - (normal[i] ?? NaN) * product)),
      group * size,
    );
  }
  return { dx, dweight, dbias };
}
