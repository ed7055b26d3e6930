/** The operations of wasm/*.ts in plain TypeScript, a value at a time: what the vectors are compared with. */
import type { AffineMatrix, Colour, WarpFilter } from '../../../src/data/augment/affine.ts';
import { newImage, type Box, type Image } from '../../../src/data/image/image.ts';
import { windowOf, type ResizeFilter } from '../../../src/data/image/resize.ts';

/** Pillow's two passes in 22-bit fixed point. */
export function resize(image: Image, width: number, height: number, filter: ResizeFilter, box: Box): Image {
  const rows = newImage(width, box.height);
  for (let x = 0; x < width; x++) {
    const { start, weights } = windowOf(box.width, width, filter, x);
    const fixed = [...weights].map(fixedPoint);
    for (let y = 0; y < box.height; y++)
      for (let c = 0; c < 3; c++) {
        const at = ((box.top + y) * image.width + box.left + start) * 3 + c;
        rows.data[(y * width + x) * 3 + c] = sum(fixed, (k) => image.data[at + k * 3]!);
      }
  }
  const out = newImage(width, height);
  for (let y = 0; y < height; y++) {
    const { start, weights } = windowOf(box.height, height, filter, y);
    const fixed = [...weights].map(fixedPoint);
    for (let i = 0; i < width * 3; i++)
      out.data[y * width * 3 + i] = sum(fixed, (k) => rows.data[(start + k) * width * 3 + i]!);
  }
  return out;
}

function fixedPoint(weight: number): number {
  const fixed = weight * 2 ** 22;
  return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
}

function sum(weights: readonly number[], value: (k: number) => number): number {
  const total = weights.reduce((sum, weight, k) => sum + weight * value(k), 2 ** 21);
  return Math.max(0, Math.min(255, total >> 22));
}

/** The mirror image, left to right. */
export function hflip(image: Image): Image {
  const { width, height, data } = image;
  const out = newImage(width, height);
  const to = out.data;
  for (let y = 0; y < height; y++) {
    let from = (y + 1) * width * 3 - 3;
    for (let o = y * width * 3, end = o + width * 3; o < end; o += 3, from -= 3) {
      to[o] = data[from]!;
      to[o + 1] = data[from + 1]!;
      to[o + 2] = data[from + 2]!;
    }
  }
  return out;
}

/** Warps to the same size. Arithmetic is double precision in Pillow's order, so results are equal, not merely close. */
export function affine(image: Image, matrix: AffineMatrix, filter: WarpFilter, fill: Colour): Image {
  const out = newImage(image.width, image.height);
  const [a, b, c, d, e, f] = matrix;
  const sample = SAMPLERS[filter];
  const { width, height } = image;
  for (let y = 0, o = 0; y < height; y++) {
    const py = y + 0.5;
    for (let x = 0; x < width; x++, o += 3) {
      const px = x + 0.5;
      const sx = a * px + b * py + c;
      const sy = d * px + e * py + f;
      if (sx >= 0 && sx < width && sy >= 0 && sy < height) sample(image, sx, sy, out.data, o);
      else {
        out.data[o] = fill[0];
        out.data[o + 1] = fill[1];
        out.data[o + 2] = fill[2];
      }
    }
  }
  return out;
}

type Sampler = (image: Image, x: number, y: number, out: Uint8Array, o: number) => void;
const SAMPLERS: Record<WarpFilter, Sampler> = { nearest, bilinear, bicubic };

function nearest({ data, width }: Image, x: number, y: number, out: Uint8Array, o: number): void {
  const p = ((y | 0) * width + (x | 0)) * 3;
  out[o] = data[p]!;
  out[o + 1] = data[p + 1]!;
  out[o + 2] = data[p + 2]!;
}

function bilinear({ data, width, height }: Image, x: number, y: number, out: Uint8Array, o: number): void {
  const left = Math.floor(x - 0.5);
  const upper = Math.floor(y - 0.5);
  const dx = x - 0.5 - left;
  const dy = y - 0.5 - upper;
  const x0 = Math.max(left, 0) * 3;
  const x1 = Math.min(left + 1, width - 1) * 3;
  const row0 = Math.max(upper, 0) * width * 3;
  const row1 = Math.min(upper + 1, height - 1) * width * 3;
  for (let c = 0; c < 3; c++) {
    const v0 = mix(data[row0 + x0 + c]!, data[row0 + x1 + c]!, dx);
    const v1 = mix(data[row1 + x0 + c]!, data[row1 + x1 + c]!, dx);
    out[o + c] = mix(v0, v1, dy);
  }
}

function mix(a: number, b: number, d: number): number {
  return a + (b - a) * d;
}

function bicubic({ data, width, height }: Image, x: number, y: number, out: Uint8Array, o: number): void {
  const column = Math.floor(x - 0.5);
  const line = Math.floor(y - 0.5);
  const dx = x - 0.5 - column;
  const dy = y - 0.5 - line;
  const x1 = clamp(column, width) * 3;
  const x0 = clamp(column - 1, width) * 3;
  const x2 = clamp(column + 1, width) * 3;
  const x3 = clamp(column + 2, width) * 3;
  const stride = width * 3;
  const r1 = clamp(line, height) * stride;
  if (dy === 0) {
    // Shears and shifts along x: the column interpolation is the identity.
    for (let c = 0; c < 3; c++) {
      const p = r1 + c;
      out[o + c] = truncated(
        cubic(data[p + x0]!, data[p + x1]!, data[p + x2]!, data[p + x3]!, dx),
      );
    }
    return;
  }
  const r0 = clamp(line - 1, height) * stride;
  const r2 = clamp(line + 1, height) * stride;
  const r3 = clamp(line + 2, height) * stride;
  for (let c = 0; c < 3; c++) {
    const v0 = cubicRow(data, r0 + c, x0, x1, x2, x3, dx);
    const v1 = cubicRow(data, r1 + c, x0, x1, x2, x3, dx);
    const v2 = cubicRow(data, r2 + c, x0, x1, x2, x3, dx);
    const v3 = cubicRow(data, r3 + c, x0, x1, x2, x3, dx);
    out[o + c] = truncated(cubic(v0, v1, v2, v3, dy));
  }
}

function cubicRow(
  data: Uint8Array,
  p: number,
  x0: number,
  x1: number,
  x2: number,
  x3: number,
  d: number,
): number {
  // At d = 0 the polynomial is exactly its second value: shears and shifts along y.
  if (d === 0) return data[p + x1]!;
  return cubic(data[p + x0]!, data[p + x1]!, data[p + x2]!, data[p + x3]!, d);
}

/** Keys' cubic with a = −1 through four equidistant values, at `d` of the way from the second to the third. */
function cubic(v0: number, v1: number, v2: number, v3: number, d: number): number {
  const p2 = v2 - v0;
  const p3 = 2 * (v0 - v1) + v2 - v3;
  const p4 = -v0 + v1 - v2 + v3;
  return v1 + d * (p2 + d * (p3 + d * p4));
}

function truncated(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
}

function clamp(index: number, size: number): number {
  return index < 0 ? 0 : index >= size ? size - 1 : index;
}

/** One look-up table for each channel, 256 entries each, in one array. */
export function mapChannels(image: Image, tables: Uint8Array): Image {
  const out = newImage(image.width, image.height);
  const { data } = image;
  const to = out.data;
  for (let i = 0; i < data.length; i += 3) {
    to[i] = tables[data[i]!]!;
    to[i + 1] = tables[256 + data[i + 1]!]!;
    to[i + 2] = tables[512 + data[i + 2]!]!;
  }
  return out;
}

/** Saturation: moves colours towards (factor 0) or away from their grey. */
export function color(image: Image, factor: number): Image {
  const out = newImage(image.width, image.height);
  const { data } = image;
  const to = out.data;
  const alpha = Math.fround(factor);
  const scaled = new Float32Array(511);
  for (let i = 0; i < 511; i++) scaled[i] = alpha * (i - 255);
  for (let i = 0; i < data.length; i += 3) {
    const grey = luma(data, i);
    const at = 255 - grey;
    to[i] = clampLevel(grey + scaled[at + data[i]!]!);
    to[i + 1] = clampLevel(grey + scaled[at + data[i + 1]!]!);
    to[i + 2] = clampLevel(grey + scaled[at + data[i + 2]!]!);
  }
  return out;
}

function clampLevel(sum: number): number {
  const value = Math.fround(sum);
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
}

/** Pillow's RGB → L of the pixel at byte `i`: ITU-R 601 weights in 16-bit fixed point. */
function luma(data: Uint8Array, i: number): number {
  return (
    (data[i]! * 19595 +
      data[i + 1]! * 38470 +
      data[i + 2]! * 7471 +
      0x8000) >>
    16
  );
}

/** Moves pixels towards (factor 0) or away from a 3×3 smoothing of the image; the outermost pixels keep their values. */
export function sharpness(image: Image, factor: number): Image {
  const { width, height, data } = image;
  const out = newImage(width, height);
  const to = out.data;
  to.set(data);
  const alpha = Math.fround(factor);
  const stride = width * 3;
  const scaled = new Float32Array(511);
  for (let i = 0; i < 511; i++) scaled[i] = alpha * (i - 255);
  // (1,1,1; 1,5,1; 1,1,1)/13 rounded to nearest. 13 is odd, so no sum is half-way and Pillow's single precision cannot differ.
  const smoothed = Uint8Array.from({ length: 255 * 13 + 1 }, (_, sum) => Math.floor((2 * sum + 13) / 26));
  const columns = new Int32Array(stride);
  for (let y = 1; y < height - 1; y++) {
    const row = y * stride;
    for (let i = 0, p = row; i < stride; i++, p++)
      columns[i] = data[p - stride]! + data[p]! + data[p + stride]!;
    for (let i = 3, p = row + 3; i < stride - 3; i++, p++) {
      const level = data[p]!;
      const sum =
        columns[i - 3]! + columns[i]! + columns[i + 3]! + 4 * level;
      const blurred = smoothed[sum]!;
      to[p] = clampLevel(blurred + scaled[255 + level - blurred]!);
    }
  }
  return out;
}

/** Moves levels towards (factor 0) or away from the image's mean grey. */
export function contrast(image: Image, factor: number): Image {
  let sum = 0;
  for (let i = 0; i < image.data.length; i += 3) sum += luma(image.data, i);
  const mean = Math.floor(sum / (image.data.length / 3) + 0.5);
  const alpha = Math.fround(factor);
  const level = (v: number) => clampLevel(mean + Math.fround(alpha * (v - mean)));
  return { ...image, data: image.data.map(level) };
}

/** Stretches each channel so that its darkest level becomes 0 and its lightest 255. */
export function autocontrast(image: Image): Image {
  const tables = new Uint8Array(768);
  for (let c = 0; c < 3; c++) {
    const levels = image.data.filter((_, i) => i % 3 === c);
    const [low, high] = [Math.min(...levels), Math.max(...levels)];
    const scale = 255 / (high - low);
    for (let v = 0; v < 256; v++)
      tables[c * 256 + v] = high <= low ? v : Math.max(0, Math.min(255, Math.trunc(v * scale - low * scale)));
  }
  return mapChannels(image, tables);
}
