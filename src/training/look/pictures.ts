import { encodeJpeg, encodePng } from '../../data/image/encode.ts';
import type { Normalization } from '../../data/normalization.ts';
import type { Picture } from './looks.ts';

/** Pictures up to this size keep every pixel. */
const SMALL = 64;

/** A normalised image (3, size, size) as 8-bit RGB, one pixel after another. */
export function toBytes(x: Float32Array, size: number, { mean, std }: Normalization): Uint8Array {
  const plane = size * size;
  const bytes = new Uint8ClampedArray(3 * plane);
  for (let c = 0; c < 3; c++) {
    const [m, s] = [mean[c] as number, std[c] as number];
    for (let i = 0; i < plane; i++) bytes[3 * i + c] = ((x[c * plane + i] as number) * s + m) * 255;
  }
  return new Uint8Array(bytes.buffer);
}

/** @param data (size, size, 3) */
export async function pictureOf(data: Uint8Array, size: number): Promise<Picture> {
  const image = { data, width: size, height: size };
  const [kind, bytes] =
    size <= SMALL ? ['png', await encodePng(image)] : ['jpeg', await encodeJpeg(image, 85)];
  const source = `data:image/${kind};base64,${Buffer.from(bytes).toString('base64')}`;
  return { source, width: size, height: size };
}
