import { newImage, type Image } from '../image/image.ts';

/**
 * Pillow's affine warp of an RGB image (python-pillow/Pillow src/libImaging/Geometry.c). Output pixel (x, y)
 * reads the input at (a·X + b·Y + c, d·X + e·Y + f) with X = x + ½, Y = y + ½; points outside [0, w) × [0, h) take the fill colour.
 * The bicubic kernel has a = −1 (the resize filter has −½), nothing is antialiased, and results are truncated, not rounded.
 */
export type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];
export type WarpFilter = 'nearest' | 'bilinear' | 'bicubic';
export type Colour = readonly [red: number, green: number, blue: number];

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
  out[o] = data[p] as number;
  out[o + 1] = data[p + 1] as number;
  out[o + 2] = data[p + 2] as number;
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
    const v0 = mix(data[row0 + x0 + c] as number, data[row0 + x1 + c] as number, dx);
    const v1 = mix(data[row1 + x0 + c] as number, data[row1 + x1 + c] as number, dx);
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
        cubic(data[p + x0] as number, data[p + x1] as number, data[p + x2] as number, data[p + x3] as number, dx),
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
  if (d === 0) return data[p + x1] as number;
  return cubic(data[p + x0] as number, data[p + x1] as number, data[p + x2] as number, data[p + x3] as number, d);
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

/** x' = x + shear·y (input coordinates), as timm's ShearX. */
export const shearX = (shear: number): AffineMatrix => [1, shear, 0, 0, 1, 0];
export const shearY = (shear: number): AffineMatrix => [1, 0, 0, shear, 1, 0];
/** The content moves left by `pixels` (the input point moves right). */
export const translateX = (pixels: number): AffineMatrix => [1, 0, pixels, 0, 1, 0];
export const translateY = (pixels: number): AffineMatrix => [1, 0, 0, 0, 1, pixels];

/** Counter-clockwise rotation by `degrees` about the middle, with Pillow's rounding of the matrix to 15 decimals. */
export function rotation(degrees: number, width: number, height: number): AffineMatrix {
  const positive = ((degrees % 360) + 360) % 360;
  const angle = -(positive * (Math.PI / 180));
  const cos = round15(Math.cos(angle));
  const sin = round15(Math.sin(angle));
  const minusSin = round15(-Math.sin(angle));
  const cx = width / 2;
  const cy = height / 2;
  return [cos, sin, cos * -cx + sin * -cy + 0 + cx, minusSin, cos, minusSin * -cx + cos * -cy + 0 + cy];
}

function round15(value: number): number {
  return Number(value.toFixed(15));
}
