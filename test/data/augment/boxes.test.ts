import { describe, expect, test } from 'vitest';
import { applyErasing, drawErasing } from '../../../src/data/augment/erasing.ts';
import { drawResizedCrop } from '../../../src/data/augment/random-resized-crop.ts';
import type { Box } from '../../../src/data/image/image.ts';
import { Rng } from '../../../src/util/rng.ts';

describe('drawResizedCrop', () => {
  const config = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } as const;
  const draw = (width: number, height: number, n = 3000): Box[] =>
    Array.from({ length: n }, (_, i) => drawResizedCrop(config, new Rng(1, 'crop', i), width, height));

  test('boxes lie inside and keep to the scale and the ratio', () => {
    for (const { left, top, width, height } of draw(500, 375)) {
      expect(left >= 0 && top >= 0 && left + width <= 500 && top + height <= 375).toBe(true);
      // Rounding moves a side by at most half a pixel.
      expect((width - 0.5) / (height + 0.5)).toBeLessThan(4 / 3);
      expect((width + 0.5) / (height - 0.5)).toBeGreaterThan(3 / 4);
      expect((width + 0.5) * (height + 0.5)).toBeGreaterThan(0.08 * 500 * 375);
    }
  });

  test('positions reach all borders, areas are uniform', () => {
    const boxes = draw(64, 64);
    expect(boxes.some(({ left, width }) => width < 40 && left === 0)).toBe(true);
    expect(boxes.some(({ left, width }) => width < 40 && left + width === 64)).toBe(true);
    const small = boxes.filter(({ width, height }) => width * height < 0.3 * 64 * 64).length / boxes.length;
    // 0.22 of the range 0.08 … 1, a little more because large draws which do not fit are repeated.
    expect(small).toBeGreaterThan(0.22);
    expect(small).toBeLessThan(0.3);
  });

  test('an extreme panorama falls back to the central box of ratio 4/3', () => {
    for (const box of draw(3000, 30, 20).filter(({ height }) => height === 30))
      expect(box).toEqual({ left: 1480, top: 0, width: 40, height: 30 });
    const tall = draw(30, 3000, 20).filter(({ width }) => width === 30);
    expect(tall.length).toBeGreaterThan(0);
    for (const box of tall) expect(box).toEqual({ left: 0, top: 1480, width: 30, height: 40 });
  });
});

describe('random erasing', () => {
  const config = { prob: 0.25, mode: 'pixel', count: 1 } as const;

  test('one image in four, areas of 2 % to a third', () => {
    const plans = Array.from({ length: 4000 }, (_, i) => drawErasing(config, new Rng(1, 'erase', i), 64, 48));
    const hit = plans.filter(({ boxes }) => boxes.length > 0);
    expect(Math.abs(hit.length / 4000 - 0.25)).toBeLessThan(0.03);
    for (const { boxes } of hit)
      for (const { left, top, width, height } of boxes) {
        expect(left >= 0 && top >= 0 && left + width <= 48 && top + height <= 64).toBe(true);
        expect(width < 48 && height < 64).toBe(true);
        expect((width + 0.5) * (height + 0.5)).toBeGreaterThan(0.02 * 64 * 48);
        expect((width - 0.5) * (height - 0.5)).toBeLessThan((64 * 48) / 3);
      }
  });

  test('several boxes share the area', () => {
    const plans = Array.from({ length: 500 }, (_, i) =>
      drawErasing({ prob: 1, mode: 'const', count: 3 }, new Rng(2, 'erase', i), 64, 64),
    );
    expect(new Set(plans.map(({ boxes }) => boxes.length))).toEqual(new Set([1, 2, 3]));
    for (const { boxes } of plans.filter((plan) => plan.boxes.length === 3))
      for (const { width, height } of boxes)
        expect((width - 0.5) * (height - 0.5)).toBeLessThan((64 * 64) / 9);
  });

  const box = { left: 1, top: 2, width: 3, height: 2 };
  const inside = (i: number): boolean => {
    const x = i % 6;
    const y = Math.floor(i / 6) % 5;
    return x >= 1 && x < 4 && y >= 2 && y < 4;
  };
  const erased = (mode: 'pixel' | 'const' | 'rand'): Float32Array => {
    const x = new Float32Array(3 * 5 * 6).fill(7);
    applyErasing({ mode, boxes: [box] }, new Rng(3, 'noise'), x, 5, 6);
    expect(x.every((value, i) => inside(i) || value === 7)).toBe(true);
    return x.filter((_, i) => inside(i));
  };

  test('const writes zero, rand one value for each channel, pixel one for each element', () => {
    expect([...erased('const')]).toEqual(new Array(18).fill(0));
    const rand = erased('rand');
    expect(new Set(rand).size).toBe(3);
    expect(new Set(rand.subarray(0, 6)).size).toBe(1);
    expect(new Set(erased('pixel')).size).toBe(18);
  });

  test('the noise is standard normal', () => {
    const x = new Float32Array(3 * 100 * 100);
    const plan = { mode: 'pixel', boxes: [{ left: 0, top: 0, width: 100, height: 100 }] } as const;
    applyErasing(plan, new Rng(4, 'noise'), x, 100, 100);
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    const variance = x.reduce((sum, v) => sum + v * v, 0) / x.length;
    expect(Math.abs(mean)).toBeLessThan(0.025);
    expect(Math.abs(variance - 1)).toBeLessThan(0.035);
  });
});
