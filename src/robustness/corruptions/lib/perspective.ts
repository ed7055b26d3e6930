import type { Image } from '../../../data/image/image.ts';
import { clip, lerp } from './pixels.ts';

/** Perspective view of the image turned by `degrees` about both axes: bilinear, outside black, rounded to nearest. */
export function tilt(image: Image, degrees: number): Image {
  const { width, height, data: source } = image;
  const inverse = invert3x3(tiltMatrix(width, height, degrees));
  const [a, b, c, d, e, f, g, h, i] = inverse as unknown as Matrix3;
  const at = (y: number, x: number, channel: number): number =>
    y < 0 || y >= height || x < 0 || x >= width ? 0 : (source[(y * width + x) * 3 + channel] as number);
  const data = new Uint8Array(source.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const w = g * x + h * y + i;
      const sx = (a * x + b * y + c) / w;
      const sy = (d * x + e * y + f) / w;
      const x0 = Math.floor(sx);
      const y0 = Math.floor(sy);
      for (let channel = 0; channel < 3; channel++, to++) {
        const upper = lerp(at(y0, x0, channel), at(y0, x0 + 1, channel), sx - x0);
        const lower = lerp(at(y0 + 1, x0, channel), at(y0 + 1, x0 + 1, channel), sx - x0);
        data[to] = Math.round(255 * clip(lerp(upper, lower, sy - y0) / 255));
      }
    }
  }
  return { width, height, data };
}

type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];

/** P2·T·RX·RY·P1 of the reference, (3, 3) row-major: source pixel → destination pixel. */
function tiltMatrix(width: number, height: number, degrees: number): number[] {
  const focal = Math.sqrt(width * width + height * height);
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  // prettier-ignore
  const p1 = [1, 0, -width / 2,  0, 1, -height / 2,  0, 0, 1,  0, 0, 1];
  // prettier-ignore
  const ry = [cos, 0, -sin, 0,  0, 1, 0, 0,  sin, 0, cos, 0,  0, 0, 0, 1];
  // prettier-ignore
  const rx = [1, 0, 0, 0,  0, cos, -sin, 0,  0, sin, cos, 0,  0, 0, 0, 1];
  // prettier-ignore
  const t = [1, 0, 0, 0,  0, 1, 0, 0,  0, 0, 1, focal,  0, 0, 0, 1];
  // prettier-ignore
  const p2 = [focal, 0, width / 2, 0,  0, focal, height / 2, 0,  0, 0, 1, 0];
  const turned = multiply(rx, multiply(ry, p1, 4, 4, 3), 4, 4, 3);
  return multiply(p2, multiply(t, turned, 4, 4, 3), 3, 4, 3);
}

function multiply(a: readonly number[], b: readonly number[], m: number, k: number, n: number): number[] {
  return Array.from({ length: m * n }, (_, at) => {
    const row = Math.floor(at / n);
    let sum = 0;
    for (let j = 0; j < k; j++) sum += (a[row * k + j] as number) * (b[j * n + (at % n)] as number);
    return sum;
  });
}

function invert3x3(matrix: readonly number[]): number[] {
  const [a, b, c, d, e, f, g, h, i] = matrix as unknown as Matrix3;
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  // prettier-ignore
  return [
    e * i - f * h, c * h - b * i, b * f - c * e,
    f * g - d * i, a * i - c * g, c * d - a * f,
    d * h - e * g, b * g - a * h, a * e - b * d,
  ].map((value) => value / determinant);
}
