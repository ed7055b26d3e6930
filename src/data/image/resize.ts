import { checkInside, newImage, type Box, type Image } from './image.ts';
import { freshWorkspace } from '../../util/wasm.ts';

/**
 * Pillow's resize on 8-bit RGB, to the bit (python-pillow/Pillow src/libImaging/Resample.c):
 * antialiased when shrinking, weights in 22-bit fixed point, horizontal pass then vertical, each rounded and clamped to 8 bits.
 */
export type ResizeFilter = 'bilinear' | 'bicubic' | 'box';

const PRECISION_BITS = 22;
/** So much of the image is copied at a time, however large it is. */
const STRIP_BYTES = 1 << 21;

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

/** For each output position: the first input position it reads, and `pairs` pairs of fixed-point weights as wasm/pixels.ts has them. */
interface Taps {
  readonly pairs: number;
  readonly first: Int32Array;
  readonly weights: Int16Array;
}

const cache = new Map<string, Taps>();
const CACHE_LIMIT = 2048; // a random crop has a few hundred sizes; at 224 outputs an entry is about 15 KiB

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
  const pairs = Math.ceil(Math.max(...windows.map(({ weights }) => weights.length)) / 2);
  const halves = new Int16Array(outSize * pairs * 4);
  windows.forEach(({ weights }, i) =>
    weights.forEach((weight, k) => {
      const fixed = weight * (1 << PRECISION_BITS);
      const whole = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
      const at = (i * pairs + (k >> 1)) * 4 + (k & 1);
      halves[at] = whole & 0x7fff;
      halves[at + 2] = whole >> 15;
    }),
  );
  return { pairs, first: Int32Array.from(windows, ({ start }) => start), weights: halves };
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
  const { data } = newImage(width, height);
  const across = tapsOf(from.width, width, filter);
  const down = tapsOf(from.height, height, filter);
  const space = freshWorkspace();
  const acrossAt = [space.put(across.first), space.put(across.weights), across.pairs] as const;
  const downAt = [space.put(down.first), space.put(down.weights), down.pairs] as const;
  const [inStride, outStride] = [image.width * 3, width * 3];
  const strip = Math.max(1, Math.min(from.height, Math.floor(STRIP_BYTES / inStride)));
  const source = space.room(strip * inStride);
  // A window's padding may reach one row past the last.
  const rows = space.room((from.height + 1) * outStride);
  const to = space.room(height * outStride);
  for (let y = 0; y < from.height; y += strip) {
    const count = Math.min(strip, from.height - y);
    const start = (from.top + y) * inStride;
    space.write(source, image.data.subarray(start, start + count * inStride));
    space.run.passHorizontal(source + from.left * 3, inStride, count, rows + y * outStride, width, ...acrossAt);
  }
  space.run.passVertical(rows, outStride, to, height, ...downAt);
  data.set(space.view(to, data.length));
  return { width, height, data };
}

/** Resizes so that the shorter side is `short`; the longer is truncated, as torchvision does. */
export function resizeShortSide(image: Image, short: number, filter: ResizeFilter): Image {
  const { width, height } = image;
  if (Math.min(width, height) === short) return image;
  return width <= height
    ? resize(image, short, Math.trunc((short * height) / width), filter)
    : resize(image, Math.trunc((short * width) / height), short, filter);
}
