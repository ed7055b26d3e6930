import { describe, expect, it } from 'vitest';
import { Rng, threefry2x32 } from '../../src/util/rng.ts';

describe('threefry2x32', () => {
  it('gives the known answers of the Random123 distribution', () => {
    expect(threefry2x32(0, 0, 0, 0)).toEqual([0x6b200159, 0x99ba4efe]);
    expect(threefry2x32(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)).toEqual([0x1cb996fc, 0xbb002be7]);
    expect(threefry2x32(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)).toEqual([0xc4923a9c, 0x483df7a0]);
  });
});

describe('Rng', () => {
  it('depends on seed, stream and index and on nothing else', () => {
    const draw = (seed: number, stream: string, index: number) => new Rng(seed, stream, index).uniform();
    expect(draw(1, 'a', 2)).toBe(draw(1, 'a', 2));
    expect(new Set([draw(1, 'a', 2), draw(2, 'a', 2), draw(1, 'b', 2), draw(1, 'a', 3)]).size).toBe(4);
  });

  it('has the moments of its distributions', () => {
    const rng = new Rng(7, 'moments');
    const n = 20000;
    const mean = (f: () => number) => Array.from({ length: n }, f).reduce((a, b) => a + b, 0) / n;
    expect(mean(() => rng.uniform())).toBeCloseTo(0.5, 1.9);
    expect(mean(() => rng.normal() ** 2)).toBeCloseTo(1, 1.3);
    expect(mean(() => rng.gamma(0.8))).toBeCloseTo(0.8, 1.3);
    expect(mean(() => rng.beta(0.8, 0.8))).toBeCloseTo(0.5, 1.6);
  });

  it('gives many normals as it gives them one by one', () => {
    const [many, single] = [new Rng(9, 'many', 4), new Rng(9, 'many', 4)];
    for (const count of [0, 1, 2, 7, 1, 64, 0, 3])
      expect([...many.normals(count), many.normal()]).toEqual(
        Array.from({ length: count + 1 }, () => single.normal()),
      );
    expect(many.uniform()).toBe(single.uniform());
  });

  it('shuffles without loss', () => {
    expect(new Set(new Rng(3, 'shuffle').permutation(100)).size).toBe(100);
  });
});
