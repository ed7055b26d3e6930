import type { Image } from '../../../data/image/image.ts';
import { lerp } from './pixels.ts';

/** What `affinePillow` does to a point: rotation and shear in degrees, shift in pixels. */
export interface AffineChange {
  readonly angle?: number;
  readonly translateX?: number;
  readonly scale?: number;
  readonly shear?: number;
}

/**
 * torchvision's affine of 2018 on Pillow: about (W/2 + ½, H/2 + ½), outside is black, bilinear results truncated.
 * `nearest` is used by translate alone.
 */
export function affinePillow(image: Image, change: AffineChange, filter: 'nearest' | 'bilinear'): Image {
  const { angle = 0, translateX = 0, scale = 1, shear = 0 } = change;
  const a = (angle * Math.PI) / 180;
  const b = (shear * Math.PI) / 180;
  const d = Math.cos(a + b) * Math.cos(a) + Math.sin(a + b) * Math.sin(a);
  const m = [Math.cos(a + b), Math.sin(a + b), -Math.sin(a), Math.cos(a)].map((v) => v / scale / d);
  const [m0, m1, m2, m3] = m as [number, number, number, number];
  const cx = image.width / 2 + 0.5;
  const cy = image.height / 2 + 0.5;
  const offsetX = m0 * (-cx - translateX) + m1 * -cy + cx;
  const offsetY = m2 * (-cx - translateX) + m3 * -cy + cy;
  const data = new Uint8Array(image.data.length);
  for (let y = 0, to = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++, to += 3) {
      const sx = m0 * (x + 0.5) + m1 * (y + 0.5) + offsetX;
      const sy = m2 * (x + 0.5) + m3 * (y + 0.5) + offsetY;
      if (sx < 0 || sx >= image.width || sy < 0 || sy >= image.height) continue;
      if (filter === 'nearest') copyPixel(data, to, image, Math.floor(sx), Math.floor(sy));
      else bilinearPillow(data, to, image, sx - 0.5, sy - 0.5);
    }
  }
  return { width: image.width, height: image.height, data };
}

function copyPixel(data: Uint8Array, to: number, image: Image, x: number, y: number): void {
  const from = (y * image.width + x) * 3;
  for (let c = 0; c < 3; c++) data[to + c] = image.data[from + c] as number;
}

function bilinearPillow(data: Uint8Array, to: number, image: Image, x: number, y: number): void {
  const { width, height, data: source } = image;
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const wx = x - x0;
  const wy = y - y0;
  const left = Math.max(x0, 0) * 3;
  const right = Math.min(x0 + 1, width - 1) * 3;
  const above = Math.max(y0, 0) * width * 3;
  const below = y0 + 1 < height ? (y0 + 1) * width * 3 : above;
  for (let c = 0; c < 3; c++) {
    const upper = lerp(source[above + left + c] as number, source[above + right + c] as number, wx);
    const lower = lerp(source[below + left + c] as number, source[below + right + c] as number, wx);
    data[to + c] = Math.floor(lerp(upper, lower, wy));
  }
}
