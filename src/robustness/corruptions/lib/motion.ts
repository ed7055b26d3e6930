import { replicate } from './pixels.ts';

/**
 * ImageMagick 6's motion blur (Q16) on bytes, (height, width, channels): a one-sided Gaussian along a line at `degrees`,
 * so the content also shifts. Sixteen-bit sums are rounded and then truncated to bytes, as that program does.
 */
export function motionBlur(
  source: Uint8Array,
  width: number,
  height: number,
  channels: number,
  radius: number,
  sigma: number,
  degrees: number,
): Uint8Array {
  const taps = 2 * Math.ceil(radius) + 1;
  const weights = oneSidedWeights(taps, sigma);
  const theta = (Math.PI * degrees) / 180;
  const px = taps * Math.sin(theta);
  const py = taps * Math.cos(theta);
  const length = Math.hypot(px, py);
  const sums = new Float64Array(source.length);
  for (let i = 0; i < taps; i++) {
    // In exactly this form: at angles such as −60° the products are half-integers and the last bit decides.
    const ox = Math.ceil((i * py) / length - 0.5);
    const oy = Math.ceil((i * px) / length - 0.5);
    addShifted(sums, source, width, height, channels, ox, oy, weights[i] as number);
  }
  const out = new Uint8Array(source.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.floor(Math.floor((sums[i] as number) + 0.5) / 257);
  return out;
}

function oneSidedWeights(taps: number, sigma: number): Float64Array {
  const weights = Float64Array.from({ length: taps }, (_, i) => Math.exp((-i * i) / (2 * sigma * sigma)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** sums(y, x) += weight · 257 · source(y + oy, x + ox), coordinates clamped to the image. */
function addShifted(
  sums: Float64Array,
  source: Uint8Array,
  width: number,
  height: number,
  channels: number,
  ox: number,
  oy: number,
  weight: number,
): void {
  const columns = Int32Array.from({ length: width }, (_, x) => replicate(x + ox, width) * channels);
  for (let y = 0; y < height; y++) {
    const row = replicate(y + oy, height) * width * channels;
    let to = y * width * channels;
    for (let x = 0; x < width; x++) {
      const from = row + (columns[x] as number);
      for (let c = 0; c < channels; c++, to++)
        sums[to] = (sums[to] as number) + weight * (257 * (source[from + c] as number));
    }
  }
}
