import { roundHalfEven } from '../../../data/image/image.ts';
import { reflect101 } from './pixels.ts';

/** Histogram equalisation of bytes, as OpenCV does it: the lowest occupied level goes to 0. */
export function equalizeHistogram(source: Uint8Array): Uint8Array {
  const histogram = new Uint32Array(256);
  for (const value of source) histogram[value] = (histogram[value] as number) + 1;
  const lowest = histogram.findIndex((count) => count > 0);
  const below = histogram[lowest] as number;
  if (below === source.length) return source.slice();
  const scale = Math.fround(255 / (source.length - below));
  const table = new Uint8Array(256);
  let sum = 0;
  for (let level = lowest + 1; level < 256; level++) {
    sum += histogram[level] as number;
    table[level] = roundHalfEven(Math.fround(sum * scale));
  }
  return source.map((value) => table[value] as number);
}

/** Sum over the 3×3 neighbourhood times `kernel` (row-major, 9), border mirrored without the edge: (height, width). */
export function correlate3x3(
  source: ArrayLike<number>,
  width: number,
  height: number,
  kernel: readonly number[],
): Float64Array {
  const out = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let tap = 0; tap < 9; tap++) {
        const row = reflect101(y + Math.floor(tap / 3) - 1, height);
        const column = reflect101(x + (tap % 3) - 1, width);
        sum += (kernel[tap] as number) * (source[row * width + column] as number);
      }
      out[y * width + x] = sum;
    }
  }
  return out;
}
