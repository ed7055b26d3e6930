import type { Draws } from '../types.ts';

/** Perlin's lattice has so many points along an axis before it repeats. */
const LATTICE = 256;
/** Keeps coordinates positive. */
const OFFSET = 16 * LATTICE;

export interface Perlin {
  /** Σ |noise(f·y, f·x)| / f over f = 1, 2, 4, … ≤ octaves */
  turbulence(y: number, x: number, octaves: number): number;
}

/** Gradient noise in two dimensions (Perlin 1985) with gradients and a permutation that are drawn. */
export function perlin(draws: Draws): Perlin {
  const gradients = Array.from({ length: LATTICE }, () => {
    const [a, b] = [draws.int(2 * LATTICE) - LATTICE, draws.int(2 * LATTICE) - LATTICE];
    const length = Math.hypot(a, b) || 1;
    return [a / length, b / length] as const;
  });
  const order = Array.from({ length: LATTICE }, (_, i) => i);
  for (let i = LATTICE - 1; i >= 0; i--) {
    const j = draws.int(LATTICE);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  const corner = (i: number, j: number, dy: number, dx: number): number => {
    const at = (order[i % LATTICE] as number) + (j % LATTICE);
    const [gy, gx] = gradients[order[at % LATTICE] as number] as readonly [number, number];
    return dy * gy + dx * gx;
  };
  const noise = (y: number, x: number): number => {
    const [ty, tx] = [y + OFFSET, x + OFFSET];
    const [iy, ix] = [Math.floor(ty), Math.floor(tx)];
    const [dy, dx] = [ty - iy, tx - ix];
    const [sy, sx] = [smooth(dy), smooth(dx)];
    const mix = (a: number, b: number, t: number): number => a + t * (b - a);
    const before = mix(corner(iy, ix, dy, dx), corner(iy + 1, ix, dy - 1, dx), sy);
    const after = mix(corner(iy, ix + 1, dy, dx - 1), corner(iy + 1, ix + 1, dy - 1, dx - 1), sy);
    return 1.5 * mix(before, after, sx);
  };
  return {
    turbulence(y, x, octaves) {
      let sum = 0;
      for (let f = 1; f <= octaves; f *= 2) sum += Math.abs(noise(f * y, f * x)) / f;
      return sum;
    },
  };
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}
