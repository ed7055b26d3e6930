/** "Clipped zoom": the centre of the image enlarged to the image's size, linear with aligned corners (scipy.ndimage.zoom). */

interface Axis {
  /** First source index per output position; the second is `next`. */
  readonly first: Int32Array;
  readonly next: Int32Array;
  /** Weight of the first; the second has 1 − weight. */
  readonly weight: Float64Array;
}

/** (height, width, channels) → the same shape. `factor` ≥ 1. */
export function clippedZoom(
  source: Float64Array,
  width: number,
  height: number,
  channels: number,
  factor: number,
): Float64Array {
  const rows = axis(height, factor);
  const columns = axis(width, factor);
  const out = new Float64Array(source.length);
  const lineElems = width * channels;
  let to = 0;
  for (let y = 0; y < height; y++) {
    const above = (rows.first[y] as number) * lineElems;
    const below = (rows.next[y] as number) * lineElems;
    const wy0 = rows.weight[y] as number;
    const wy1 = 1 - wy0;
    for (let x = 0; x < width; x++) {
      const left = (columns.first[x] as number) * channels;
      const right = (columns.next[x] as number) * channels;
      const wx0 = columns.weight[x] as number;
      const wx1 = 1 - wx0;
      for (let c = 0; c < channels; c++) {
        out[to++] =
          (source[above + left + c] as number) * wy0 * wx0 +
          (source[above + right + c] as number) * wy0 * wx1 +
          (source[below + left + c] as number) * wy1 * wx0 +
          (source[below + right + c] as number) * wy1 * wx1;
      }
    }
  }
  return out;
}

function axis(size: number, factor: number): Axis {
  const block = Math.ceil(size / factor);
  const zoomed = Math.round(block * factor);
  const offset = Math.floor((size - block) / 2);
  const trim = Math.floor((zoomed - size) / 2);
  const step = zoomed > 1 ? (block - 1) / (zoomed - 1) : 0;
  const first = new Int32Array(size);
  const next = new Int32Array(size);
  const weight = new Float64Array(size);
  for (let j = 0; j < size; j++) {
    // Clamped: old SciPy could step past the last sample by rounding and return 0 there.
    const at = Math.min((j + trim) * step, block - 1);
    const floor = Math.floor(at);
    first[j] = offset + floor;
    next[j] = offset + Math.min(floor + 1, block - 1);
    weight[j] = 1 - (at - floor);
  }
  return { first, next, weight };
}
