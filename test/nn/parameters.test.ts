import { describe, expect, it } from 'vitest';
import { drawDropPath, dropPathRates } from '../../src/nn/drop-path.ts';
import {
  ONE,
  ZERO,
  constant,
  decays,
  initialise,
  kaimingNormal,
  torchDefault,
  truncNormal,
  type Initializer,
  type ParameterSpec,
} from '../../src/nn/parameters.ts';

const spec = (name: string, shape: number[], init: Initializer): ParameterSpec => ({
  name,
  shape,
  init,
  kind: 'parameter',
  decays: true,
});

function moments(data: Float32Array): { mean: number; std: number; largest: number } {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return {
    mean,
    std: Math.sqrt(variance),
    largest: data.reduce((most, v) => Math.max(most, Math.abs(v)), 0),
  };
}

describe('initialise', () => {
  const n = 40_000;
  const draw = (init: Initializer) => initialise([spec('w', [n], init)], 3).get('w') as Float32Array;

  it('draws what each initialiser says', () => {
    const trunc = moments(draw(truncNormal()));
    expect(Math.abs(trunc.mean)).toBeLessThan(4 * (0.02 / Math.sqrt(n)));
    expect(trunc.std).toBeCloseTo(0.02, 3);
    // ±2 is absolute: at std 0.02 nothing is cut at two standard deviations …
    expect(trunc.largest).toBeGreaterThan(0.06);
    // … and at std 1.5 it is.
    const cut = moments(draw(truncNormal(1.5)));
    expect(cut.largest).toBeLessThanOrEqual(2);
    expect(cut.std).toBeGreaterThan(0.9);
    expect(moments(draw(truncNormal(0.02, 0.001))).std).toBeCloseTo(2e-5, 6);
    const uniform = moments(draw(torchDefault(25)));
    expect(uniform.largest).toBeLessThanOrEqual(Math.fround(0.2));
    expect(uniform.std).toBeCloseTo(0.2 / Math.sqrt(3), 3);
    expect(moments(draw(kaimingNormal(64 * 9))).std).toBeCloseTo(Math.sqrt(2 / 576), 3);
    expect(draw(constant(1e-6)).every((value) => value === Math.fround(1e-6))).toBe(true);
  });

  it('depends on seed and name, not on the order or the neighbours', () => {
    const a = spec('a.weight', [8, 3], truncNormal());
    const b = spec('b.weight', [5], torchDefault(5));
    const both = initialise([a, b], 7);
    expect(initialise([b, a], 7).get('a.weight')).toEqual(both.get('a.weight'));
    expect(initialise([b], 7).get('b.weight')).toEqual(both.get('b.weight'));
    expect(initialise([a], 8).get('a.weight')).not.toEqual(both.get('a.weight'));
    expect(initialise([spec('c.weight', [8, 3], truncNormal())], 7).get('c.weight')).not.toEqual(
      both.get('a.weight'),
    );
  });

  it('refuses a name declared twice', () => {
    expect(() => initialise([spec('w', [1], ZERO), spec('w', [1], ONE)], 0)).toThrow(/w is declared twice/);
  });
});

describe('decays', () => {
  it.each([
    ['stages.0.0.dwconv.weight', 4, true],
    ['head.weight', 2, true],
    ['head.bias', 1, false],
    ['stages.0.0.gamma', 1, false],
    ['norm.weight', 1, false],
    ['rel.bias', 2, false],
  ])('%s with %d dimensions: %s', (name, ndim, expected) => {
    expect(decays(name, ndim)).toBe(expected);
  });
});

describe('drop path', () => {
  it('has rates from 0 to the last', () => {
    const rates = dropPathRates(18, 0.1);
    expect(rates[0]).toBe(0);
    expect(rates[5]).toBeCloseTo((5 * 0.1) / 17, 15);
    expect(rates[17]).toBeCloseTo(0.1, 15);
    expect(dropPathRates(1, 0.5)).toEqual([0]);
  });

  it('keeps each sample with probability 1 − rate, whatever batch it is in', () => {
    const branch = { input: 'drop-path.stages.0.1', rate: 0.25 };
    const all = drawDropPath(branch, 11, 0, 4000);
    expect(new Set(all)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    expect(mean).toBeCloseTo(1, 1);
    expect(drawDropPath(branch, 11, 1000, 50)).toEqual(all.slice(1000, 1050));
    expect(drawDropPath({ ...branch, input: 'drop-path.stages.0.2' }, 11, 0, 4000)).not.toEqual(all);
  });
});
