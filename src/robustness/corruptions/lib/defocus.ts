import { addScaled, gaussianWeights } from './gaussian.ts';
import { reflect101 } from './pixels.ts';

/** A disk of `radius` pixels, anti-aliased by a small Gaussian of σ `alias`: (side, side), sums to 1. */
export function diskKernel(radius: number, alias: number): { side: number; weights: Float64Array } {
  const half = radius <= 8 ? 8 : radius;
  const side = 2 * half + 1;
  const disk = new Float64Array(side * side);
  let area = 0;
  for (let y = -half; y <= half; y++) {
    for (let x = -half; x <= half; x++) {
      if (x * x + y * y > radius * radius) continue;
      disk[(y + half) * side + x + half] = 1;
      area++;
    }
  }
  const taps = gaussianWeights(alias, radius <= 8 ? 1 : 2);
  const scaled = disk.map((value) => value / area);
  return { side, weights: smooth(smooth(scaled, side, taps, side, 1), side, taps, 1, side) };
}

/** One pass over the square kernel along the axis with stride `along`, mirror without the edge. */
function smooth(
  kernel: Float64Array,
  side: number,
  taps: Float64Array,
  along: number,
  across: number,
): Float64Array {
  const radius = (taps.length - 1) / 2;
  const out = new Float64Array(kernel.length);
  for (let line = 0; line < side; line++) {
    for (let at = 0; at < side; at++) {
      let sum = 0;
      for (let i = -radius; i <= radius; i++)
        sum +=
          (taps[i + radius] as number) * (kernel[line * across + reflect101(at + i, side) * along] as number);
      out[line * across + at * along] = sum;
    }
  }
  return out;
}

/** Correlation of (height, width, 3) with a square kernel, border mirrored without the edge. */
export function correlate(
  source: Float64Array,
  width: number,
  height: number,
  kernel: { side: number; weights: Float64Array },
): Float64Array {
  const { side, weights } = kernel;
  const half = (side - 1) / 2;
  const lineElems = width * 3;
  const paddedElems = (width + 2 * half) * 3;
  const padded = new Float64Array(height * paddedElems);
  for (let y = 0; y < height; y++) {
    for (let x = -half; x < width + half; x++) {
      const from = y * lineElems + reflect101(x, width) * 3;
      const to = y * paddedElems + (x + half) * 3;
      for (let c = 0; c < 3; c++) padded[to + c] = source[from + c] as number;
    }
  }
  const out = new Float64Array(source.length);
  for (let y = 0; y < height; y++) {
    for (let tap = 0; tap < weights.length; tap++) {
      const weight = weights[tap] as number;
      if (weight === 0) continue;
      const row = reflect101(y + Math.floor(tap / side) - half, height);
      addScaled(out, y * lineElems, padded, row * paddedElems + (tap % side) * 3, lineElems, weight);
    }
  }
  return out;
}
