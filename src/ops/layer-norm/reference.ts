// At each row r (a position of a map, a token) over its c channels:
//   mean = Σ x / c,  rstd = 1/√(Σ (x − mean)² / c + eps),  x̂ = (x − mean) rstd,  y = x̂ weight + bias
//   g = dy weight,  dx = rstd (g − Σ g / c − x̂ Σ g x̂ / c),  dweight = Σ_r dy x̂,  dbias = Σ_r dy

/** Index of element (row, channel) of a tensor. */
export type Layout = (row: number, channel: number) => number;

export interface LayerNormSize {
  readonly rows: number;
  readonly cols: number;
}

type Data<N extends string> = Readonly<Record<N, Float64Array>>;

export function layerNormReference(
  { x, weight, bias }: Data<'x' | 'weight' | 'bias'>,
  { rows, cols }: LayerNormSize,
  from: Layout,
  to: Layout,
  eps: number,
): Data<'y' | 'statistics'> {
  const statistics = statisticsReference(x, { rows, cols }, from, eps);
  return { y: normalizeReference({ x, statistics, weight, bias }, { rows, cols }, from, to), statistics };
}

/** Mean of each row, then rstd of each. */
export function statisticsReference(
  x: Float64Array,
  { rows, cols }: LayerNormSize,
  from: Layout,
  eps: number,
): Float64Array {
  const statistics = new Float64Array(2 * rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += x[from(r, c)] as number;
    const m = sum / cols;
    let square = 0;
    for (let c = 0; c < cols; c++) square += ((x[from(r, c)] as number) - m) ** 2;
    statistics[r] = m;
    statistics[rows + r] = 1 / Math.sqrt(square / cols + eps);
  }
  return statistics;
}

/** y by given statistics. */
export function normalizeReference(
  { x, statistics, weight, bias }: Data<'x' | 'statistics' | 'weight' | 'bias'>,
  { rows, cols }: LayerNormSize,
  from: Layout,
  to: Layout,
): Float64Array {
  const y = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    const [m, s] = [statistics[r] as number, statistics[rows + r] as number];
    for (let c = 0; c < cols; c++)
      y[to(r, c)] = ((x[from(r, c)] as number) - m) * s * (weight[c] as number) + (bias[c] as number);
  }
  return y;
}

export function layerNormGradientReference(
  { x, weight, statistics, dy }: Data<'x' | 'weight' | 'statistics' | 'dy'>,
  { rows, cols }: LayerNormSize,
  from: Layout,
  to: Layout,
): Data<'dx' | 'dweight' | 'dbias'> {
  const dx = new Float64Array(rows * cols);
  const dweight = new Float64Array(cols);
  const dbias = new Float64Array(cols);
  for (let r = 0; r < rows; r++) {
    const s = statistics[rows + r] as number;
    const normalised = (c: number) => ((x[from(r, c)] as number) - (statistics[r] as number)) * s;
    let sum = 0;
    let dot = 0;
    for (let c = 0; c < cols; c++) {
      const d = dy[to(r, c)] as number;
      const g = d * (weight[c] as number);
      sum += g;
      dot += g * normalised(c);
      dweight[c] = (dweight[c] as number) + d * normalised(c);
      dbias[c] = (dbias[c] as number) + d;
    }
    for (let c = 0; c < cols; c++) {
      const g = (dy[to(r, c)] as number) * (weight[c] as number);
      dx[from(r, c)] = s * (g - sum / cols - (normalised(c) * dot) / cols);
    }
  }
  return { dx, dweight, dbias };
}
