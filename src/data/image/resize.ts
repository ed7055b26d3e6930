import { checkInside, newImage, type Box, type Image } from './image.ts';

/**
 * Pillow's resize on 8-bit RGB, to the bit (python-pillow/Pillow src/libImaging/Resample.c):
 * antialiased when shrinking, weights in 22-bit fixed point, horizontal pass then vertical, each rounded and clamped to 8 bits.
 */
export type ResizeFilter = 'bilinear' | 'bicubic' | 'box';

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

const SUPPORT: Record<ResizeFilter, number> = { box: 0.5, bilinear: 1, bicubic: 2 };

function kernel(filter: ResizeFilter, x: number): number {
  const t = Math.abs(x);
  switch (filter) {
    case 'box':
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case 'bilinear':
      return t < 1 ? 1 - t : 0;
    case 'bicubic': {
      const a = -0.5;
      if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
      return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
    }
  }
}

/** For each output position: the first input position it reads, and `width` fixed-point weights (zero-padded). */
interface Taps {
  readonly width: number;
  readonly first: Int32Array;
  readonly weights: Int32Array;
}

const cache = new Map<string, Taps>();
const CACHE_LIMIT = 2048; // a random crop has a few hundred sizes; at 224 outputs an entry is about 10 KiB

function tapsOf(inSize: number, outSize: number, filter: ResizeFilter): Taps {
  const key = `${inSize} ${outSize} ${filter}`;
  const known = cache.get(key);
  if (known) return known;
  if (cache.size >= CACHE_LIMIT) cache.clear();
  const taps = computeTaps(inSize, outSize, filter);
  cache.set(key, taps);
  return taps;
}

/** What one output position reads: the first input position, and the weights from there on, whose sum is 1. */
export interface Window {
  readonly start: number;
  readonly weights: Float64Array;
}

/** The window of output position `i`, antialiased when shrinking. PyTorch has the same (`interpolate` with `antialias`). */
export function windowOf(inSize: number, outSize: number, filter: ResizeFilter, i: number): Window {
  const scale = inSize / outSize;
  const stretch = Math.max(scale, 1);
  const support = SUPPORT[filter] * stretch;
  const inverse = 1 / stretch;
  const center = (i + 0.5) * scale;
  const start = Math.max(0, Math.trunc(center - support + 0.5));
  const count = Math.min(inSize, Math.trunc(center + support + 0.5)) - start;
  const weights = new Float64Array(count);
  let sum = 0;
  for (let k = 0; k < count; k++) {
    weights[k] = kernel(filter, (k + start - center + 0.5) * inverse);
    sum += weights[k] as number;
  }
  return { start, weights: weights.map((weight) => weight / sum) };
}

function computeTaps(inSize: number, outSize: number, filter: ResizeFilter): Taps {
  const windows = Array.from({ length: outSize }, (_, i) => windowOf(inSize, outSize, filter, i));
  // A multiple of four for the unrolled passes; `stepBack` keeps zero-padded windows inside the input.
  const width = Math.ceil(windows.reduce((most, { weights }) => Math.max(most, weights.length), 0) / 4) * 4;
  const first = new Int32Array(outSize);
  const fixedPoint = new Int32Array(outSize * width);
  windows.forEach(({ start, weights }, i) => {
    const stepBack = Math.max(0, Math.min(start, start + width - inSize));
    first[i] = start - stepBack;
    weights.forEach((weight, k) => {
      const fixed = weight * (1 << PRECISION_BITS);
      fixedPoint[i * width + stepBack + k] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    });
  });
  return { width, first, weights: fixedPoint };
}

/**
 * Resizes to `width`×`height`; with `box`, only that part of the image, exactly as if it had been cropped out first (no pixel
 * outside it contributes).
 *
 * @example resize(image, 224, 224, 'bicubic', { left: 10, top: 0, width: 150, height: 120 })
 */
export function resize(image: Image, width: number, height: number, filter: ResizeFilter, box?: Box): Image {
  const from = box ?? { left: 0, top: 0, width: image.width, height: image.height };
  checkInside(image, from);
  if (!box && width === image.width && height === image.height) return image;
  const out = newImage(width, height);
  const rows = passHorizontal(image, from, width, filter);
  passVertical(rows, width * 3, tapsOf(from.height, height, filter), out.data);
  return out;
}

/** Resizes so that the shorter side is `short`; the longer is truncated, as torchvision does. */
export function resizeShortSide(image: Image, short: number, filter: ResizeFilter): Image {
  const { width, height } = image;
  if (Math.min(width, height) === short) return image;
  return width <= height
    ? resize(image, short, Math.trunc((short * height) / width), filter)
    : resize(image, Math.trunc((short * width) / height), short, filter);
}

/** Every row of the box at its new width: (box.height, outWidth, 3). */
function passHorizontal(image: Image, box: Box, outWidth: number, filter: ResizeFilter): Uint8Array {
  const { data } = image;
  const { first, weights, width: count } = tapsOf(box.width, outWidth, filter);
  const out = new Uint8ClampedArray(box.height * outWidth * 3);
  const inStride = image.width * 3;
  const outStride = outWidth * 3;
  const origin = box.top * inStride + box.left * 3;
  for (let y = 0; y < box.height; y++) {
    let o = y * outStride;
    const row = origin + y * inStride;
    for (let x = 0, w = 0; x < outWidth; x++, o += 3) {
      let p = row + (first[x] as number) * 3;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (const end = w + count; w < end; w += 4, p += 12) {
        const w0 = weights[w] as number;
        const w1 = weights[w + 1] as number;
        const w2 = weights[w + 2] as number;
        const w3 = weights[w + 3] as number;
        red = (red + Math.imul(data[p] as number, w0) + Math.imul(data[p + 3] as number, w1) + Math.imul(data[p + 6] as number, w2) + Math.imul(data[p + 9] as number, w3)) | 0;
        green = (green + Math.imul(data[p + 1] as number, w0) + Math.imul(data[p + 4] as number, w1) + Math.imul(data[p + 7] as number, w2) + Math.imul(data[p + 10] as number, w3)) | 0;
        blue = (blue + Math.imul(data[p + 2] as number, w0) + Math.imul(data[p + 5] as number, w1) + Math.imul(data[p + 8] as number, w2) + Math.imul(data[p + 11] as number, w3)) | 0;
      }
      out[o] = red >> PRECISION_BITS;
      out[o + 1] = green >> PRECISION_BITS;
      out[o + 2] = blue >> PRECISION_BITS;
    }
  }
  return new Uint8Array(out.buffer);
}

/** Mixes the rows of `rows`, `stride` bytes each, into `out`. */
function passVertical(rows: Uint8Array, stride: number, taps: Taps, out: Uint8Array): void {
  const { first, weights, width: count } = taps;
  const clamped = new Uint8ClampedArray(out.buffer, out.byteOffset, out.length);
  const sums = new Int32Array(stride);
  for (let y = 0, w = 0; y < first.length; y++) {
    let base = (first[y] as number) * stride;
    sums.fill(HALF);
    for (const end = w + count; w < end; w += 4, base += 4 * stride) {
      const w0 = weights[w] as number;
      const w1 = weights[w + 1] as number;
      const w2 = weights[w + 2] as number;
      const w3 = weights[w + 3] as number;
      const base1 = base + stride;
      const base2 = base1 + stride;
      const base3 = base2 + stride;
      for (let i = 0; i < stride; i++)
        sums[i] = (sums[i] as number) + Math.imul(rows[base + i] as number, w0) + Math.imul(rows[base1 + i] as number, w1) + Math.imul(rows[base2 + i] as number, w2) + Math.imul(rows[base3 + i] as number, w3);
    }
    for (let i = 0, o = y * stride; i < stride; i++, o++) clamped[o] = (sums[i] as number) >> PRECISION_BITS;
  }
}
