import type { Draws } from '../types.ts';

/**
 * Height map of the fog: diamond-square on a torus, (size, size) in [0, 1] with both ends reached. `size` is a power of
 * two. The amplitude of a step is w² (w times a uniform on ±w), w starting at 100 and divided by `decay` per step.
 */
export function plasma(size: number, decay: number, draws: Draws): Float64Array {
  const map = new Float64Array(size * size);
  let w = 100;
  for (let step = size; step >= 2; step /= 2, w /= decay) {
    const jittered = (sum: number): number => sum / 4 + w * draws.between(-w, w);
    squares(map, size, step, jittered);
    diamonds(map, size, step, jittered);
  }
  return normalised(map);
}

function squares(map: Float64Array, size: number, step: number, jittered: (sum: number) => number): void {
  const half = step / 2;
  for (let y = 0; y < size; y += step) {
    const below = ((y + step) % size) * size;
    for (let x = 0; x < size; x += step) {
      const right = (x + step) % size;
      const left = (map[y * size + x] as number) + (map[below + x] as number);
      const sum = left + ((map[y * size + right] as number) + (map[below + right] as number));
      map[(y + half) * size + x + half] = jittered(sum);
    }
  }
}

function diamonds(map: Float64Array, size: number, step: number, jittered: (sum: number) => number): void {
  const half = step / 2;
  const centre = (y: number, x: number): number =>
    map[((y + half + size) % size) * size + ((x + half + size) % size)] as number;
  const corner = (y: number, x: number): number => map[(y % size) * size + (x % size)] as number;
  for (let y = 0; y < size; y += step) {
    for (let x = 0; x < size; x += step)
      map[y * size + x + half] = jittered(
        centre(y, x) + centre(y - step, x) + (corner(y, x) + corner(y, x + step)),
      );
  }
  for (let y = 0; y < size; y += step) {
    for (let x = 0; x < size; x += step)
      map[(y + half) * size + x] = jittered(
        centre(y, x) + centre(y, x - step) + (corner(y, x) + corner(y + step, x)),
      );
  }
}

function normalised(map: Float64Array): Float64Array {
  let min = Infinity;
  let max = -Infinity;
  for (const value of map) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const range = max - min;
  return map.map((value) => (value - min) / range);
}
