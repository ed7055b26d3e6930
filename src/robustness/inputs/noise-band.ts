import { FrameworkError } from '../../util/errors.ts';
import { Rng, streamId, threefry2x32 } from '../../util/rng.ts';
import type { ChangedImage } from './changed-image.ts';
import { Fft, transform2d } from './fft.ts';

/**
 * Noise of one band of frequencies (Park & Kim 2022, Fig. 2b): random signs times an amplitude, of whose spectrum the bins of a ring are
 * kept. A bin's frequency is max(|kx|, |ky|) · 2π/n, or with a radial ring √(kx² + ky²) · 2π/n. The rings are symmetric, so the noise is real
 * and the rings of bands that tile split it into orthogonal parts. All bands of an image filter the same noise.
 */
export interface BandNoise {
  readonly kind: 'noise';
  /** Amplitude of the unfiltered noise: the value of signs, otherwise the standard deviation. */
  readonly amplitude: number;
  readonly space: 'normalised' | 'pixel';
  readonly distribution: 'sign' | 'gaussian' | 'uniform';
  /** Centre of the band and half its width, in units of π. */
  readonly centre: number;
  readonly halfWidth: number;
  readonly ring: 'square' | 'radial';
  /** `rms`: every band is scaled to the amplitude's root mean square. */
  readonly energy: 'as filtered' | 'rms';
  /** Keeps pixels in [0, 1]. */
  readonly clamp: boolean;
  readonly seed: number;
  readonly repetition: number;
}

export type Band = Pick<BandNoise, 'centre' | 'halfWidth' | 'ring'>;

/** Bins of an edge: half the side of the centred square; π is n/2. Decimals such as 0.95 are meant, not their nearest doubles. */
function edge(frequency: number, n: number): number {
  const exact = (frequency * n) / 2;
  const near = Math.round(exact);
  return Math.min(
    Math.max(0, Math.abs(exact - near) < 1e-6 ? near : Math.floor(exact)),
    Math.ceil((n + 1) / 2),
  );
}

/**
 * 1 for each bin (ky, kx) of an n×n spectrum that a band keeps. An edge at or above π takes in the corner and the bin at −n/2.
 * @throws FrameworkError `analysis/band` where it keeps none
 */
export function bandMask({ centre, halfWidth, ring }: Band, n: number): Uint8Array {
  const keeps = (upTo: number): ((ky: number, kx: number) => boolean) => {
    const e = edge(upTo, n);
    if (e >= Math.floor(n / 2)) return () => true;
    return ring === 'square'
      ? (ky, kx) => Math.max(Math.abs(ky), Math.abs(kx)) < e
      : (ky, kx) => Math.hypot(ky, kx) < e;
  };
  const [outer, inner] = [keeps(centre + halfWidth), keeps(centre - halfWidth)];
  const isBeyond = edge(centre - halfWidth, n) >= Math.floor(n / 2);
  const mask = new Uint8Array(n * n);
  for (let y = 0; y < n; y++)
    for (let x = 0; x < n; x++) {
      const [ky, kx] = [y < n / 2 ? y : y - n, x < n / 2 ? x : x - n];
      mask[y * n + x] = !isBeyond && outer(ky, kx) && !inner(ky, kx) ? 1 : 0;
    }
  if (mask.includes(1)) return mask;
  throw new FrameworkError(
    'analysis/band',
    `images of ${n} px have no frequency within ${halfWidth}π of ${centre}π`,
    { hint: 'choose a wider band' },
  );
}

/** Root mean square of a band's noise over that of the unfiltered noise: √(bins kept / bins). */
export function bandRms(band: Band, n: number): number {
  return Math.sqrt(bandMask(band, n).reduce((sum, bin) => sum + bin, 0) / n ** 2);
}

export function addNoise(x: Float32Array, noise: BandNoise, image: ChangedImage): void {
  const { imageSize: n, mean, std } = image;
  if (noise.amplitude === 0) return;
  const delta = bandNoise(noise, n, image.number);
  for (let c = 0; c < 3; c++) {
    const [m, s] = [mean[c] as number, std[c] as number];
    const scale = noise.space === 'pixel' ? 1 / s : 1;
    for (let i = c * n * n; i < (c + 1) * n * n; i++) {
      const value = (x[i] as number) + scale * (delta[i] as number);
      x[i] = noise.clamp ? (Math.min(1, Math.max(0, value * s + m)) - m) / s : value;
    }
  }
}

/** The noise (3, n, n) of an image in one band. */
export function bandNoise(noise: BandNoise, n: number, number: number): Float64Array {
  const delta = unfiltered(noise, 3 * n * n, number);
  const filter = filterOf(noise, n);
  filter(delta.subarray(0, n * n), delta.subarray(n * n, 2 * n * n));
  filter(delta.subarray(2 * n * n), new Float64Array(n * n));
  if (noise.energy === 'rms') {
    const rms = Math.sqrt(delta.reduce((sum, value) => sum + value * value, 0) / delta.length);
    for (let i = 0; i < delta.length; i++) delta[i] = ((delta[i] as number) * noise.amplitude) / rms;
  }
  return delta;
}

/** Noise before the filter: the same in all bands. */
export function unfiltered(
  {
    distribution,
    amplitude,
    seed,
    repetition,
  }: Pick<BandNoise, 'distribution' | 'amplitude' | 'seed' | 'repetition'>,
  length: number,
  number: number,
): Float64Array {
  const stream = `noise ${repetition}`;
  const out = new Float64Array(length);
  if (distribution === 'sign') {
    // 64 signs to a block.
    const [k0, k1] = threefry2x32(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, streamId(stream), number);
    for (let i = 0; i < length; i += 64) {
      const words = threefry2x32(k0, k1, i / 64, 0);
      for (let bit = 0; bit < 64 && i + bit < length; bit++)
        out[i + bit] = (((words[bit >> 5] as number) >>> (bit & 31)) & 1) === 0 ? -amplitude : amplitude;
    }
    return out;
  }
  const rng = new Rng(seed, stream, number);
  const wide = Math.sqrt(3) * amplitude; // of that standard deviation
  for (let i = 0; i < length; i++)
    out[i] = distribution === 'gaussian' ? amplitude * rng.normal() : rng.between(-wide, wide);
  return out;
}

type Filter = (a: Float64Array, b: Float64Array) => void;
let last: { readonly key: string; readonly filter: Filter } | undefined;

/** Filters two real images at once, as the real and the imaginary part of one: the mask is symmetric. */
function filterOf({ centre, halfWidth, ring }: Band, n: number): Filter {
  const key = [centre, halfWidth, ring, n].join();
  if (last?.key === key) return last.filter;
  const mask = bandMask({ centre, halfWidth, ring }, n);
  const fft = new Fft(n);
  const filter: Filter = (a, b) => {
    transform2d([a, b, n, n], (re, im) => {
      fft.forward(re, im);
    });
    for (const [i, bin] of mask.entries()) if (bin === 0) a[i] = b[i] = 0;
    transform2d([a, b, n, n], (re, im) => {
      fft.inverse(re, im);
    });
  };
  last = { key, filter };
  return filter;
}
