import type { Image } from '../../../data/image/image.ts';
import { clip } from './pixels.ts';

/** What to do with a pixel in HSV: S := clip(S·saturation + saturationOffset), V := clip(V + valueOffset). */
export interface HsvChange {
  readonly saturation: number;
  readonly saturationOffset: number;
  readonly valueOffset: number;
}

/** RGB → HSV, change, → RGB, truncated to bytes. The formulas are scikit-image's rgb2hsv and hsv2rgb. */
export function changeHsv(image: Image, change: HsvChange): Image {
  const { data: source } = image;
  const data = new Uint8Array(source.length);
  const rgb = new Float64Array(3);
  for (let i = 0; i < source.length; i += 3) {
    changePixel(
      rgb,
      (source[i] as number) / 255,
      (source[i + 1] as number) / 255,
      (source[i + 2] as number) / 255,
      change,
    );
    for (let c = 0; c < 3; c++) data[i + c] = Math.floor(255 * clip(rgb[c] as number));
  }
  return { width: image.width, height: image.height, data };
}

function changePixel(out: Float64Array, r: number, g: number, b: number, change: HsvChange): void {
  const max = Math.max(r, g, b);
  const range = max - Math.min(r, g, b);
  const hue = hueOf(r, g, b, max, range);
  const s = clip((range === 0 ? 0 : range / max) * change.saturation + change.saturationOffset);
  const v = clip(max + change.valueOffset);
  const sector = Math.floor(6 * hue);
  const fraction = 6 * hue - sector;
  const p = v * (1 - s);
  const q = v * (1 - fraction * s);
  const t = v * (1 - (1 - fraction) * s);
  const [red, green, blue] = sectorRgb(sector % 6, v, p, q, t);
  out[0] = red;
  out[1] = green;
  out[2] = blue;
}

/** Hue in [0, 1). When channels tie for the maximum the later of R, G, B decides. */
function hueOf(r: number, g: number, b: number, max: number, range: number): number {
  if (range === 0) return 0;
  let hue: number;
  if (b === max) hue = 4 + (r - g) / range;
  else if (g === max) hue = 2 + (b - r) / range;
  else hue = (g - b) / range;
  hue /= 6;
  return hue < 0 ? hue + 1 : hue % 1;
}

function sectorRgb(
  sector: number,
  v: number,
  p: number,
  q: number,
  t: number,
): readonly [number, number, number] {
  switch (sector) {
    case 0:
      return [v, t, p];
    case 1:
      return [q, v, p];
    case 2:
      return [p, v, t];
    case 3:
      return [p, q, v];
    case 4:
      return [t, p, v];
    default:
      return [v, p, q];
  }
}
