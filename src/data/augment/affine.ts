import type { Image } from '../image/image.ts';
import { mapImage } from '../image/map-image.ts';

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
  const { width, height } = image;
  const [red, green, blue] = fill;
  const colour = red | (green << 8) | (blue << 16);
  return mapImage(image, (run, from, to) => run[WARPS[filter]](from, width, height, to, colour, ...matrix));
}

const WARPS = { nearest: 'affineNearest', bilinear: 'affineBilinear', bicubic: 'affineBicubic' } as const;

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
