import { replicate } from './pixels.ts';

/**
 * OpenCV's Canny edges of bytes (height, width): Sobel 3×3, |dx| + |dy|, non-maximum suppression in 16.16 fixed point,
 * hysteresis. Edge pixels are 255, the others 0.
 */
export function canny(
  source: Uint8Array,
  width: number,
  height: number,
  low: number,
  high: number,
): Uint8Array {
  const { dx, dy, magnitude } = sobel(source, width, height);
  const out = new Uint8Array(source.length);
  const isCandidate = new Uint8Array(source.length);
  const stack: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if ((magnitude[at] as number) <= low || !isMaximum(dx, dy, magnitude, width, height, x, y)) continue;
      isCandidate[at] = 1;
      if ((magnitude[at] as number) > high) {
        out[at] = 255;
        stack.push(at);
      }
    }
  }
  follow(out, isCandidate, stack, width, height);
  return out;
}

/** Marks every candidate that touches a marked pixel, through candidates. */
function follow(
  out: Uint8Array,
  isCandidate: Uint8Array,
  stack: number[],
  width: number,
  height: number,
): void {
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const y = Math.floor(at / width);
    const x = at % width;
    for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
      for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
        const neighbour = ny * width + nx;
        if (isCandidate[neighbour] === 0 || out[neighbour] !== 0) continue;
        out[neighbour] = 255;
        stack.push(neighbour);
      }
    }
  }
}

function sobel(source: Uint8Array, width: number, height: number) {
  const dx = new Int32Array(source.length);
  const dy = new Int32Array(source.length);
  const magnitude = new Int32Array(source.length);
  const columns = Int32Array.from({ length: width + 2 }, (_, x) => replicate(x - 1, width));
  for (let y = 0, i = 0; y < height; y++) {
    const above = replicate(y - 1, height) * width;
    const own = y * width;
    const below = replicate(y + 1, height) * width;
    for (let x = 0; x < width; x++, i++) {
      const left = columns[x] as number;
      const right = columns[x + 2] as number;
      const topLeft = source[above + left] as number;
      const topRight = source[above + right] as number;
      const bottomLeft = source[below + left] as number;
      const bottomRight = source[below + right] as number;
      const across = (source[own + right] as number) - (source[own + left] as number);
      const along = (source[below + x] as number) - (source[above + x] as number);
      const gx = topRight + 2 * across + bottomRight - topLeft - bottomLeft;
      const gy = bottomLeft + 2 * along + bottomRight - topLeft - topRight;
      dx[i] = gx;
      dy[i] = gy;
      magnitude[i] = Math.abs(gx) + Math.abs(gy);
    }
  }
  return { dx, dy, magnitude };
}

/** Is the pixel a maximum across its edge? Directions by the tangents of 22.5° and 67.5° times 2^15. */
function isMaximum(
  dx: Int32Array,
  dy: Int32Array,
  magnitude: Int32Array,
  width: number,
  height: number,
  x: number,
  y: number,
): boolean {
  const around = (ny: number, nx: number): number =>
    ny < 0 || ny >= height || nx < 0 || nx >= width ? 0 : (magnitude[ny * width + nx] as number);
  const at = y * width + x;
  const own = magnitude[at] as number;
  const gx = dx[at] as number;
  const gy = dy[at] as number;
  const scaledY = Math.abs(gy) * 32768;
  const tan22 = Math.abs(gx) * 13573;
  const tan67 = tan22 + Math.abs(gx) * 65536;
  if (scaledY < tan22) return own > around(y, x - 1) && own >= around(y, x + 1);
  if (scaledY > tan67) return own > around(y - 1, x) && own >= around(y + 1, x);
  const sign = (gx ^ gy) < 0 ? -1 : 1;
  return own > around(y - 1, x - sign) && own > around(y + 1, x + sign);
}
