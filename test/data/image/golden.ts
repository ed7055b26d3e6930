import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { decodeImage } from '../../../src/data/image/decode.ts';
import type { Image } from '../../../src/data/image/image.ts';

const FOLDER = new URL('../../golden/image/', import.meta.url);

/** Written by test/golden/image/make.py: all pixels as a checksum, and seven of them as [x, y, r, g, b]. */
export interface Digest {
  readonly size: [number, number];
  readonly sha256: string;
  readonly pixels: [number, number, number, number, number][];
}

export function goldenBytes(name: string): Uint8Array {
  return readFileSync(new URL(name, FOLDER));
}

export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T;
}

export function photo(name: string): Promise<Image> {
  return decodeImage(goldenBytes(name), name);
}

/** Every pixel equal; the sampled ones are compared first, so that a failure shows values. */
export function expectDigest(image: Image, expected: Digest, label: string): void {
  expect([image.width, image.height], label).toEqual(expected.size);
  const sampled = expected.pixels.map(([x, y]) => {
    const p = (y * image.width + x) * 3;
    return [x, y, ...image.data.subarray(p, p + 3)];
  });
  expect(sampled, label).toEqual(expected.pixels);
  const sha256 = createHash('sha256').update(image.data).digest('hex').slice(0, 16);
  expect(sha256, `${label}: sampled pixels are equal, others are not`).toBe(expected.sha256);
}

/** A deterministic texture for tests of any size. */
export function texture(width: number, height: number): Image {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 2654435761) >>> 24);
  return { width, height, data };
}
