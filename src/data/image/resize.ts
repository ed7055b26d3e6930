import { checkInside, checkSize, type Box, type Image } from './image.ts';
import { freshWorkspace, type Workspace } from '../../util/wasm.ts';
import { LazyJpeg, type Pixels } from './jpeg.ts';

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
  checkSize(width, height);
  const across = tapsOf(from.width, width, filter);
  const down = tapsOf(from.height, height, filter);
  const space = freshWorkspace();
  const acrossAt = [space.put(across.first), space.put(across.weights), across.pairs] as const;
  const downAt = [space.put(down.first), space.put(down.weights), down.pairs] as const;
  const stride = width * 3;
  // A window's padding may reach one row past the last.
  const rows = space.room((from.height + 1) * stride);
  const to = space.room(height * stride);
  for (const { at, stride: inStride, y, count } of strips(image, from, space))
    space.run.passHorizontal(at, inStride, count, rows + y * stride, width, ...acrossAt);
  space.run.passVertical(rows, stride, to, height, ...downAt);
  return { width, height, data: space.take(to, height * stride) };
}

/** The box's rows from `y` on, `count` of them, in the module's memory: a part of a large image at a time. */
function* strips(image: Image, box: Box, space: Workspace): Generator<Pixels & { y: number; count: number }> {
  if (image instanceof LazyJpeg) {
    yield { ...image.decode(space, box), y: 0, count: box.height };
    return;
  }
  const stride = image.width * 3;
  const most = Math.max(1, Math.min(box.height, Math.floor(STRIP_BYTES / stride)));
  const at = space.room(most * stride);
  for (let y = 0; y < box.height; y += most) {
    const count = Math.min(most, box.height - y);
    const start = (box.top + y) * stride;
    space.write(at, image.data.subarray(start, start + count * stride));
    yield { at: at + box.left * 3, stride, y, count };
  }
}

/** Resizes so that the shorter side is `short`; the longer is truncated, as torchvision does. */
export function resizeShortSide(image: Image, short: number, filter: ResizeFilter): Image {
  const { width, height } = image;
  if (Math.min(width, height) === short) return image;
  return width <= height
    ? resize(image, short, Math.trunc((short * height) / width), filter)
    : resize(image, Math.trunc((short * width) / height), short, filter);
}
