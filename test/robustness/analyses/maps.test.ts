import { describe, expect, it } from 'vitest';
import { createModel } from '../../../src/models/registry.ts';
import { areaRatio } from '../../../src/robustness/analyses/receptive-field.ts';
import { mapTaps } from '../../../src/robustness/analyses/maps.ts';
import { mapVariance, varianceCurves } from '../../../src/robustness/analyses/variance.ts';

const plain = { unbiased: true, scale: 'none' } as const;

describe('the variance of maps', () => {
  it('of a constant map is 0, of a checkerboard of ±1 HW/(HW − 1), scaled by the mean square as well', () => {
    const size = { channels: 2, positions: 36 };
    expect(mapVariance(size, () => 3, plain)).toBe(0);
    const board = (_: number, at: number) => ((Math.floor(at / 6) + at) % 2 === 0 ? 1 : -1);
    expect(mapVariance(size, board, plain)).toBeCloseTo(36 / 35, 12);
    expect(mapVariance(size, board, { ...plain, unbiased: false })).toBeCloseTo(1, 12);
    const larger = (c: number, at: number) => 10 * board(c, at);
    expect(mapVariance(size, larger, { ...plain, scale: 'meanSquare' })).toBeCloseTo(36 / 35, 12);
  });

  it('has a curve from 0 to 1 in depth, with intervals over images', () => {
    const [raw, scaled] = varianceCurves([
      [1, 4, 2],
      [3, 4, 2],
    ]);
    expect(raw!.points.map(({ x, y }) => [x, y])).toEqual([[0, 2], [0.5, 4], [1, 2]]); // prettier-ignore
    expect(raw!.points[0]!.high! - 2).toBeCloseTo(1.959964, 5); // sd √2 over √2
    expect(scaled!.points.map(({ y }) => y)).toEqual([0.5, 1, 0.5]);
  });

  it.each([
    ['replknet-31b', 58],
    ['resnet50', 17],
    ['convnext-t', 22],
    ['vit-b16', 25],
  ])('of %s has the points of the papers: %i', (name, count) => {
    expect(mapTaps(createModel(name), { imageSize: 224 })).toHaveLength(count);
  });
});

describe('the area of an effective receptive field', () => {
  it('is that of the smallest centred square of odd side which holds more than the share', () => {
    const side = 8;
    const one = new Float64Array(64);
    one[4 * side + 4] = 1;
    expect(areaRatio(one, side, 0.99)).toBe(1 / 64);
    const even = new Float64Array(64).fill(1);
    expect(areaRatio(even, side, 0.13)).toBe(9 / 64); // 9 of 64 is more than 0.13, 1 is not
    expect(areaRatio(even, side, 0.2)).toBe(25 / 64);
    expect(areaRatio(even, side, 0.99)).toBe(1);
  });
});
