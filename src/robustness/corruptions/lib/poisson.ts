import type { Draws } from '../types.ts';

/**
 * Exact Poisson draws for images: a byte has 256 levels, so 256 cumulative tables cover every rate level/255·photons.
 * One uniform per draw, inverted by bisection.
 */
export class PoissonTables {
  private readonly tables: readonly Float64Array[];

  constructor(photons: number) {
    this.tables = Array.from({ length: 256 }, (_, level) => cumulative((level / 255) * photons));
  }

  /** A count with mean level/255·photons. */
  draw(level: number, draws: Draws): number {
    const table = this.tables[level] as Float64Array;
    const u = draws.uniform();
    let low = 0;
    let high = table.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (u < (table[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** P(X ≤ k) for k = 0, 1, … until the tail is below 1e-17; the last entry is 1. Rates stay below 745 (e^−745 > 0). */
function cumulative(rate: number): Float64Array {
  const last = Math.ceil(rate + 12 * Math.sqrt(rate) + 20);
  const table = new Float64Array(last + 1);
  let probability = Math.exp(-rate);
  let sum = probability;
  table[0] = sum;
  for (let k = 1; k <= last; k++) {
    probability *= rate / k;
    sum += probability;
    table[k] = sum;
  }
  table[last] = 1;
  return table;
}

const tables = new Map<number, PoissonTables>();

/** The tables for a number of photons per full-scale pixel, made once. */
export function poissonTables(photons: number): PoissonTables {
  let known = tables.get(photons);
  if (!known) {
    known = new PoissonTables(photons);
    tables.set(photons, known);
  }
  return known;
}
