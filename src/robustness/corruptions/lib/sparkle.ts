import type { Draws } from '../types.ts';

/** Lengths of the rays of a star: about `radius`, a quarter of it their standard deviation. */
export function drawSparkle(rays: number, radius: number, draws: Draws): number[] {
  return Array.from({ length: rays }, () => radius + 0.25 * radius * draws.normal());
}

/** Light of a star at (y, x), 0 … 1: falls with the distance relative to the rays on either side, the slower the smaller `exponent`. */
export function shine(
  y: number,
  x: number,
  [cy, cx]: readonly [number, number],
  lengths: readonly number[],
  exponent: number,
): number {
  const [dy, dx] = [y - cy, x - cx];
  const at = ((Math.atan2(dx, dy) + Math.PI) / (2 * Math.PI)) * lengths.length;
  const ray = Math.floor(at);
  const between = at - ray;
  const left = lengths[ray % lengths.length] as number;
  const right = lengths[(ray + 1) % lengths.length] as number;
  const length = left + between * (right - left);
  const fall = (length ** 2 / (dy * dy + dx * dx + 1e-4)) ** exponent;
  return Math.min(1, Math.max(0, (1 - (between - 0.5) ** 2) * fall));
}
