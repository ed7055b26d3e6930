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
  source: Uint8Array | Float64Array,
  width: number,
  height: number,
  kernel: readonly number[],
): Float64Array {
  const out = new Float64Array(width * height);
  const columns = Int32Array.from({ length: width + 2 }, (_, x) => reflect101(x - 1, width));
  for (let y = 0; y < height; y++) {
    for (let row = 0; row < 3; row++) {
      const start = reflect101(y + row - 1, height) * width;
      const [k0, k1, k2] = kernel.slice(3 * row, 3 * row + 3) as [number, number, number];
      for (let x = 0; x < width; x++) {
        const line =
          k0 * (source[start + (columns[x] as number)] as number) +
          k1 * (source[start + x] as number) +
          k2 * (source[start + (columns[x + 2] as number)] as number);
        out[y * width + x] = (out[y * width + x] as number) + line;
      }
    }
  }
  return out;
}
