import { describe, expect, it } from 'vitest';
import { plotSvg } from '../../src/sweeps/plot.ts';
import type { Row } from '../../src/sweeps/results.ts';
import { summarise } from '../../src/sweeps/statistics.ts';

const row = (point: string, weights: Row['weights'], values: number[], paper?: number): Row => ({
  point,
  weights,
  sample: summarise(values),
  seeds: values.map((_, i) => i),
  paper: paper === undefined ? undefined : { value: paper, source: 'x' },
});
const info = {
  benchmark: 'val', id: 'top1', label: 'top-1', protocol: 'full1000', unit: '%', better: 'higher',
} as const; // prettier-ignore
const plot = (rows: Row[]) =>
  plotSvg({ title: 't', xLabel: 'kernel', points: ['3', '7'], table: { info, rows } });
const numbers = (svg: string, pattern: RegExp) =>
  [...svg.matchAll(pattern)].map((m) => m.slice(1).map(Number));

describe('the figure of a sweep', () => {
  const svg = plot([
    row('3', 'raw', [80, 81], 82),
    row('3', 'ema', [81, 81.5], 82),
    row('7', 'raw', [99, 99.8]),
  ]);

  it('names its axes and explains its marks', () => {
    for (const text of ['>top-1, %<', '>kernel<', '>raw weights<', '>averaged weights (EMA)<', '>published<'])
      expect(svg).toContain(text);
    expect(svg).toContain('>single seeds<');
    expect(svg).toContain('>95 % interval of the mean<');
  });

  it('shows every seed, and each number at the height of its mark', () => {
    expect(svg.match(/class="seed/g)).toHaveLength(6);
    const heights = numbers(svg, /class="value" x="[\d.]+" y="([\d.]+)"/g).flat();
    const ticks = numbers(svg, /text-anchor="end" dominant-baseline="middle">([\d.]+)</g).flat();
    const places = numbers(svg, /text x="56" y="([\d.]+)"/g).flat();
    // Value by height, from the axis alone.
    const slope = (ticks[1]! - ticks[0]!) / (places[1]! - places[0]!);
    const read = heights.map((y) => ticks[0]! + (y - places[0]!) * slope);
    [80.5, 81.25, 82, 99.4].forEach((value, i) => expect(read[i]).toBeCloseTo(value, 0));
  });

  it('keeps intervals inside the picture, cut where the measure ends', () => {
    const ends = numbers(svg, /class="whisker" fill="none" d="M[\d.]+ ([\d.]+)V([\d.]+)/g).flat();
    expect(ends).toHaveLength(6);
    for (const y of ends) expect(y >= 40 && y <= 284).toBe(true);
    // 99.4 ± 5.1 ends at 100 without a bar: one cap instead of two.
    expect(svg.match(/V40\.0M\d/g)?.length).toBe(1);
  });

  it('spreads the points over its whole width, and brings the ground that its ink needs', () => {
    const [[width]] = numbers(svg, /viewBox="0 0 ([\d.]+)/g) as [[number]];
    const [[first], [second]] = numbers(svg, /<text x="([\d.]+)" y="302" text-anchor="middle"/g) as [
      [number],
      [number],
    ];
    expect(second - first).toBeCloseTo((width - 64 - 14) / 2, 6);
    expect(first - 64).toBeCloseTo(width - 14 - second, 6);
    expect(svg).toMatch(/<rect class="ground" width="100%" height="100%"\/>/);
    expect(svg).toMatch(/@media \(prefers-color-scheme: dark\) {[^@]*\.ground { fill: #0d1117; }/);
  });

  it('needs no colours by variable, which viewers of files do not know', () => {
    expect(svg.slice(svg.indexOf('</style>'))).not.toContain('var(');
  });
});
