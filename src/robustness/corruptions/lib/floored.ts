import type { Image } from '../../../data/image/image.ts';

/** An image of `like`'s size from values of 0 … 255 by position, clipped and truncated. */
export function floored(like: Image, of: (i: number) => number): Image {
  const data = new Uint8Array(like.data.length);
  for (let i = 0; i < data.length; i++) data[i] = Math.min(255, Math.max(0, of(i)));
  return { width: like.width, height: like.height, data };
}

/** (height, width): a value for every row and column. */
export function grid({ width, height }: Image, of: (y: number, x: number) => number): Float64Array {
  const values = new Float64Array(width * height);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) values[i] = of(y, x);
  return values;
}
