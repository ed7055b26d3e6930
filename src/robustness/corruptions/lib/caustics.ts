import type { Image } from '../../../data/image/image.ts';
import type { Draws } from '../types.ts';
import { floored, grid } from './floored.ts';
import { gaussianSmooth } from './gaussian.ts';
import { reflectEdge } from './pixels.ts';

/** Index of refraction of the water. */
const ETA = 4;

/** Light on the ground of a pool at (y, x), 0 … 1. @param size pixels of one period */
function causticAt(y: number, x: number, time: number, size: number): number {
  const turn = (at: number): number => (at / size - Math.floor(at / size)) * 6.28318530718 - 250;
  const [p0, p1] = [turn(y), turn(x)];
  let [i0, i1] = [p0, p1];
  let c = 1;
  for (let n = 1; n <= 5; n++) {
    const t = time * (1 - 3.5 / n);
    [i0, i1] = [p0 + (Math.cos(t - i0) + Math.sin(t + i1)), p1 + (Math.sin(t - i1) + Math.cos(t + i0))];
    const [a, b] = [p0 / (Math.sin(i0 + t) / 0.005), p1 / (Math.cos(i1 + t) / 0.005)];
    c += 1 / Math.sqrt(a * a + b * b);
  }
  return Math.min(1, Math.abs(1.17 - (c / 5) ** 1.4) ** 8);
}

/** Where a ray from above is led by a surface with slopes (a, b), in units of the lens: its row and column. */
function refraction(a: number, b: number): readonly [number, number] {
  const length = Math.sqrt(a * a + b * b + 1);
  const [nx, ny, nz] = [a / length, b / length, 1 / length];
  if (nz >= 1 - 1e-3) return [0, 0]; // too flat to refract
  const out = Math.asin(Math.sin(Math.acos(nz)) / ETA);
  // Perpendicular to the normal, in the plane of the normal and the ray.
  const side = Math.hypot(nx, ny);
  const [ox, oy] = [-(nz * nx) / side, -(nz * ny) / side];
  return [Math.cos(out) * nx + Math.sin(out) * ox, Math.cos(out) * ny + Math.sin(out) * oy];
}

/** Value at a place between pixels; black outside. */
function bilinear({ width, height, data }: Image, row: number, column: number, c: number): number {
  const [y, x] = [Math.floor(row), Math.floor(column)];
  const at = (j: number, i: number): number =>
    j < 0 || i < 0 || j >= height || i >= width ? 0 : (data[(j * width + i) * 3 + c] as number) / 255;
  const [wy, wx] = [row - y, column - x];
  const above = at(y, x) * (1 - wx) + at(y, x + 1) * wx;
  const below = at(y + 1, x) * (1 - wx) + at(y + 1, x + 1) * wx;
  return above * (1 - wy) + below * wy;
}

/** The image as if seen through moving water: bent by the slopes of the caustics, and lit by them. */
export function refractCaustics(image: Image, severity: number, draws: Draws): Image {
  const { width, height } = image;
  const side = Math.min(width, height);
  const time = draws.between(0.5, 2);
  const size = draws.between(0.75, 1.25) * side;
  const lens = 0.05 * severity * side;
  const light = 0.2 * severity;
  const sharp = grid(image, (y, x) => causticAt(y, x, time, size));
  const soft = gaussianSmooth(sharp, width, height, 1, 1, 4, reflectEdge);
  const luma = (y: number, x: number): number =>
    y < 0 || x < 0 || y >= height || x >= width ? 0 : (soft[y * width + x] as number);
  const thousandths = (v: number): number => Math.round(1000 * v) / 1000;
  let [row, column, lit] = [0, 0, 0];
  return floored(image, (i) => {
    const pixel = Math.floor(i / 3);
    if (i % 3 === 0) {
      const [y, x] = [Math.floor(pixel / width), pixel % width];
      // The reference calls the axes of its arrays x and y: "east" is the next row, "south" the next column.
      const [down, across] = [luma(y + 1, x) - luma(y - 1, x), luma(y, x + 1) - luma(y, x - 1)];
      const [dy, dx] = refraction(down, across);
      [row, column] = [y + thousandths(dy * lens), x + thousandths(dx * lens)];
      lit = down * light - across * light;
    }
    return 255 * Math.min(1, Math.max(0, bilinear(image, row, column, i % 3) + lit));
  });
}
