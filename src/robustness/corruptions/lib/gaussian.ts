/**
 * Separable Gaussian smoothing in double precision, as scipy.ndimage and scikit-image do it:
 * weights exp(−i²/2σ²) for |i| ≤ radius, normalised.
 */

/** Maps a position outside a line of n samples to one inside. */
export type Border = (i: number, n: number) => number;

/** Normalised weights, index 0 is tap −radius. σ = 0 is the identity. */
export function gaussianWeights(sigma: number, radius: number): Float64Array {
  const weights = new Float64Array(2 * radius + 1);
  let sum = 0;
  for (let i = -radius; i <= radius; i++) {
    const weight = i === 0 ? 1 : Math.exp((-0.5 * i * i) / (sigma * sigma));
    weights[i + radius] = weight;
    sum += weight;
  }
  for (let i = 0; i < weights.length; i++) weights[i] = (weights[i] as number) / sum;
  return weights;
}

/**
 * Smooths (height, width, channels) along both axes. Radius floor(truncate·σ + ½).
 * Kernels longer than the line are folded over the border first, so a line of n samples costs at most n² products.
 */
export function gaussianSmooth(
  source: Float64Array,
  width: number,
  height: number,
  channels: number,
  sigma: number,
  truncate: number,
  border: Border,
): Float64Array {
  const radius = Math.floor(truncate * sigma + 0.5);
  if (radius === 0) return source.slice();
  const weights = gaussianWeights(sigma, radius);
  const vertical = smoothColumns(source, height, width * channels, weights, border);
  return smoothLines(vertical, height, width, channels, weights, border);
}

/** Along the first axis of (n, lineElems). */
function smoothColumns(
  source: Float64Array,
  n: number,
  lineElems: number,
  weights: Float64Array,
  border: Border,
): Float64Array {
  const out = new Float64Array(source.length);
  const radius = (weights.length - 1) / 2;
  const matrix = weights.length > n ? foldedMatrix(n, weights, border) : undefined;
  for (let y = 0; y < n; y++) {
    if (matrix) {
      for (let j = 0; j < n; j++)
        addScaled(out, y * lineElems, source, j * lineElems, lineElems, matrix[y * n + j] as number);
    } else {
      for (let i = -radius; i <= radius; i++) {
        const from = border(y + i, n) * lineElems;
        addScaled(out, y * lineElems, source, from, lineElems, weights[i + radius] as number);
      }
    }
  }
  return out;
}

/** Along the second axis of (lines, n, channels). */
function smoothLines(
  source: Float64Array,
  lines: number,
  n: number,
  channels: number,
  weights: Float64Array,
  border: Border,
): Float64Array {
  const out = new Float64Array(source.length);
  const lineElems = n * channels;
  if (weights.length > n) {
    const matrix = foldedMatrix(n, weights, border);
    for (let line = 0; line < lines; line++) multiplyLine(out, source, line * lineElems, n, channels, matrix);
    return out;
  }
  const radius = (weights.length - 1) / 2;
  const padded = new Float64Array((n + 2 * radius) * channels);
  for (let line = 0; line < lines; line++) {
    for (let x = -radius; x < n + radius; x++) {
      const from = line * lineElems + border(x, n) * channels;
      for (let c = 0; c < channels; c++) padded[(x + radius) * channels + c] = source[from + c] as number;
    }
    for (let tap = 0; tap < weights.length; tap++)
      addScaled(out, line * lineElems, padded, tap * channels, lineElems, weights[tap] as number);
  }
  return out;
}

function multiplyLine(
  out: Float64Array,
  source: Float64Array,
  start: number,
  n: number,
  channels: number,
  matrix: Float64Array,
): void {
  for (let x = 0; x < n; x++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let j = 0; j < n; j++)
        sum += (matrix[x * n + j] as number) * (source[start + j * channels + c] as number);
      out[start + x * channels + c] = sum;
    }
  }
}

/** out[to + x] += weight · source[from + x], x < count. */
export function addScaled(
  out: Float64Array,
  to: number,
  source: Float64Array,
  from: number,
  count: number,
  weight: number,
): void {
  for (let x = 0; x < count; x++)
    out[to + x] = (out[to + x] as number) + weight * (source[from + x] as number);
}

/** (n, n): row y holds what each input sample contributes to output y once the border has been folded in. */
function foldedMatrix(n: number, weights: Float64Array, border: Border): Float64Array {
  const radius = (weights.length - 1) / 2;
  const matrix = new Float64Array(n * n);
  for (let y = 0; y < n; y++) {
    for (let i = -radius; i <= radius; i++) {
      const at = y * n + border(y + i, n);
      matrix[at] = (matrix[at] as number) + (weights[i + radius] as number);
    }
  }
  return matrix;
}
