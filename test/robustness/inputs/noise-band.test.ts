import { describe, expect, it } from 'vitest';
import { NORMALIZATIONS } from '../../../src/data/normalization.ts';
import { changeInput } from '../../../src/robustness/inputs/change.ts';
import { Fft } from '../../../src/robustness/inputs/fft.ts';
import {
  bandMask,
  bandNoise,
  bandRms,
  unfiltered,
  type BandNoise,
} from '../../../src/robustness/inputs/noise-band.ts';

const noise = (centre: number, more: Partial<BandNoise> = {}): BandNoise => ({
  kind: 'noise',
  ...{
    amplitude: 0.7,
    space: 'normalised',
    distribution: 'sign',
    halfWidth: 0.05,
    ring: 'square',
    energy: 'as filtered',
  },
  ...{ clamp: false, seed: 0, repetition: 0 },
  ...more,
  centre,
});
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
const rms = (a: ArrayLike<number>) => Math.sqrt(dot(a, a) / a.length);
const tenths = Array.from({ length: 10 }, (_, i) => (2 * i + 1) / 20);

describe('the Fourier transform', () => {
  it.each([1, 2, 7, 12, 30, 32])('of length %i is its definition, and the inverse undoes it', (n) => {
    const [re, im] = [0, 1].map((part) => Float64Array.from({ length: n }, (_, i) => Math.sin(3 * i + part)));
    const [a, b] = [re!.slice(), im!.slice()];
    new Fft(n).forward(a, b);
    for (let k = 0; k < n; k++) {
      const angle = (i: number) => (-2 * Math.PI * k * i) / n;
      const real = re!.reduce((sum, v, i) => sum + v * Math.cos(angle(i)) - im![i]! * Math.sin(angle(i)), 0);
      expect(a[k]).toBeCloseTo(real, 10);
    }
    new Fft(n).inverse(a, b);
    expect(
      Math.max(...a.map((v, i) => Math.abs(v - re![i]!)), ...b.map((v, i) => Math.abs(v - im![i]!))),
    ).toBeLessThan(1e-12);
  });
});

describe('noise of a band', () => {
  it('of bands that tile is orthogonal and adds up to the unfiltered noise', () => {
    for (const ring of ['square', 'radial'] as const) {
      const bands = tenths.map((centre) => bandNoise(noise(centre, { ring }), 32, 5));
      const sum = bands.reduce((total, band) => total.map((v, i) => v + band[i]!));
      const whole = unfiltered(noise(0.5), 3 * 32 * 32, 5);
      expect(Math.max(...sum.map((v, i) => Math.abs(v - whole[i]!)))).toBeLessThan(1e-12);
      for (const [i, a] of bands.entries())
        for (const b of bands.slice(i + 1)) expect(Math.abs(dot(a, b))).toBeLessThan(1e-9);
    }
  });

  // √(outer² − inner²)/224 of the squares of Park & Kim's code. Their even squares have one bin more on one side, half of whose power is
  // lost with the imaginary part; symmetric rings leave it out.
  const TABLE = [0.136, 0.205, 0.242, 0.279, 0.312, 0.342, 0.386, 0.396, 0.42, 0.323];
  it('has the energy of its bins', () => {
    for (const [i, value] of TABLE.entries()) {
      const centre = (i + 1) / 10;
      expect(Math.abs(bandRms(noise(centre), 224) / value - 1), `${centre}π`).toBeLessThan(0.04);
    }
    for (const centre of [0.1, 0.7]) {
      const measured = rms([1, 2, 3].flatMap((number) => [...bandNoise(noise(centre), 96, number)])) / 0.7;
      expect(Math.abs(measured / bandRms(noise(centre), 96) - 1), `${centre}π`).toBeLessThan(0.05);
    }
    expect(rms(bandNoise(noise(0.3, { energy: 'rms' }), 32, 0))).toBeCloseTo(0.7, 12);
  });

  it('finds the edges that decimals mean: 112 bins at 1.0π, not 111', () => {
    const kept = bandMask(noise(0.95), 224).reduce((sum, bin) => sum + bin, 0);
    expect(kept).toBe(224 ** 2 - (2 * 100 - 1) ** 2);
    expect(() => bandMask(noise(0.02, { halfWidth: 0.01 }), 32)).toThrow(
      /no frequency within 0.01π of 0.02π/,
    );
  });

  it('at 1.0π looks like a checkerboard', () => {
    const band = bandNoise(noise(1), 64, 0).subarray(0, 64 * 64);
    const beside = (step: number) => dot(band.subarray(0, -step), band.subarray(step)) / dot(band, band);
    expect(Math.min(beside(1), beside(64))).toBeLessThan(-0.3); // along one axis at least, neighbours have other signs
    const low = bandNoise(noise(0.1), 64, 0).subarray(0, 64 * 64);
    expect(dot(low.subarray(0, -1), low.subarray(1)) / dot(low, low)).toBeGreaterThan(0.9);
  });

  it('is added as it is; amplitude 0 changes no bit; pixels can be clamped', () => {
    const { mean, std } = NORMALIZATIONS.imagenet;
    const image = { mean, std, imageSize: 16, number: 9 };
    const before = Float32Array.from({ length: 3 * 256 }, (_, i) => Math.sin(i));
    const changed = (change: BandNoise) => {
      const x = before.slice();
      changeInput(x, change, image);
      return x;
    };
    expect(changed(noise(0.5, { amplitude: 0 }))).toEqual(before);
    const delta = bandNoise(noise(0.5), 16, 9);
    expect(changed(noise(0.5))).toEqual(before.map((v, i) => v + delta[i]!));
    const pixel = changed(noise(0.5, { space: 'pixel' }));
    expect(pixel).toEqual(before.map((v, i) => v + (1 / std[Math.floor(i / 256)]!) * delta[i]!));
    for (const [i, v] of changed(noise(0.5, { space: 'pixel', clamp: true, amplitude: 9 })).entries()) {
      const c = Math.floor(i / 256);
      expect(v * std[c]! + mean[c]!).toBeGreaterThan(-1e-6);
      expect(v * std[c]! + mean[c]!).toBeLessThan(1 + 1e-6);
    }
  });
});
