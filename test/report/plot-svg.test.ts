import { describe, expect, it } from 'vitest';
import { scatterSvg } from '../../src/report/scatter.ts';

/** Numbers below the x axis. */
function xTicks(millions: readonly number[]): number[] {
  const points = millions.map((x, colour) => ({ name: `model ${colour}`, x, y: 70 + colour, colour }));
  const svg = scatterSvg({ title: 'by size', xLabel: 'parameters, millions', yLabel: 'top-1, %', points });
  return [...svg.matchAll(/text-anchor="middle">([\d.]+)</g)].map(([, text]) => Number(text));
}

describe('a logarithmic axis', () => {
  it.each([[[28.6]], [[22.05, 25.56]], [[0.27, 0.27]], [[0.2697, 0.853]]])(
    'of %j million has numbers',
    (sizes) => {
      const ticks = xTicks(sizes);
      expect(ticks.length).toBeGreaterThan(1);
      expect(ticks.length).toBeLessThan(7);
      const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
      expect(ticks[0]).toBeGreaterThan(0.8 * least);
      expect(ticks.at(-1)).toBeLessThan(1.2 * most);
    },
  );

  it('of more than a power of ten has 1, 2 and 5 of each', () => {
    expect(xTicks([4, 86])).toEqual([5, 10, 20, 50, 100]);
  });
});
