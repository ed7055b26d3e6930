import type { Image } from '../../../data/image/image.ts';

/** Bytes 0..255 to doubles 0..1, same layout. */
export function toUnit(data: Uint8Array): Float64Array {
  const unit = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) unit[i] = (data[i] as number) / 255;
  return unit;
}

/** The same in single precision. */
export function toUnitFloat(data: Uint8Array): Float32Array {
  const unit = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) unit[i] = (data[i] as number) / 255;
  return unit;
}

export function clip(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

export function lerp(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}

/** An image of `like`'s size: values clipped to [0, 1], times 255, truncated as the reference does (no rounding). */
export function fromUnit(like: Image, unit: ArrayLike<number>): Image {
  const data = new Uint8Array(unit.length);
  for (let i = 0; i < data.length; i++) data[i] = Math.floor(255 * clip(unit[i] as number));
  return { width: like.width, height: like.height, data };
}

/** Position `i` on a line of `n` samples whose mirror image repeats without the edge: d c b | a b c d | c b a. */
export function reflect101(i: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const j = ((i % period) + period) % period;
  return j < n ? j : period - j;
}

/** The same with the edge repeated: d c b a | a b c d | d c b a. */
export function reflectEdge(i: number, n: number): number {
  const period = 2 * n;
  const j = ((i % period) + period) % period;
  return j < n ? j : period - 1 - j;
}

/** The edge pixel goes on for ever. */
export function replicate(i: number, n: number): number {
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/** `floor(of(value))` of every value, as bytes. Typed arrays' own `from` walks an iterator and is many times slower. */
export function toBytes(values: Float64Array | Float32Array, of: (value: number) => number): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(of(values[i] as number));
  return bytes;
}
