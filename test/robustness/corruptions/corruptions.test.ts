import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../../src/data/image/decode.ts';
import { encodePng } from '../../../src/data/image/encode.ts';
import type { Image } from '../../../src/data/image/image.ts';
import { diskKernel } from '../../../src/robustness/corruptions/lib/defocus.ts';
import { frostTexture } from '../../../src/robustness/corruptions/lib/frost-textures.ts';
import { plasma } from '../../../src/robustness/corruptions/lib/plasma.ts';
import {
  CORRUPTIONS,
  corrupt,
  findCorruption,
  perturb,
} from '../../../src/robustness/corruptions/registry.ts';
import { PERTURBATIONS } from '../../../src/robustness/corruptions/sequences.ts';
import type { Severity } from '../../../src/robustness/corruptions/types.ts';
import { Rng } from '../../../src/util/rng.ts';
import { synth } from './portable.ts';

function grey(size: number, value: number): Image {
  return { width: size, height: size, data: new Uint8Array(size * size * 3).fill(value) };
}

function moments(image: Image): { mean: number; variance: number } {
  const x = Array.from(image.data, (v) => (v + 0.5) / 255); // + ½ undoes the mean effect of truncation
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  return { mean, variance: x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length };
}

function difference(a: Image, b: Image): number {
  return a.data.reduce((sum, v, i) => sum + Math.abs(v - b.data[i]!), 0) / a.data.length;
}

/** A fractal landscape: like a photograph, weaker detail the finer it is. */
function landscape(size: number): Image {
  const image = grey(size, 0);
  const map = plasma(size, 1.4, new Rng(5, 'landscape'));
  for (let i = 0; i < image.data.length; i++) image.data[i] = 30 + 200 * map[Math.floor(i / 3)]!;
  return image;
}

const SEVERITIES: Severity[] = [1, 2, 3, 4, 5];
const options = { seed: 3, imageNumber: 7 };

describe('corruptions', () => {
  it('are the 15 of the benchmark and the 4 extra ones', () => {
    expect(CORRUPTIONS.map((c) => c.name).slice(0, 3)).toEqual([
      'gaussian_noise',
      'shot_noise',
      'impulse_noise',
    ]);
    expect(CORRUPTIONS.filter((c) => c.group !== 'extra')).toHaveLength(15);
    expect(CORRUPTIONS.filter((c) => c.group === 'extra').map((c) => c.name)).toEqual([
      'speckle_noise',
      'gaussian_blur',
      'spatter',
      'saturate',
    ]);
  });

  it.each(CORRUPTIONS.map((c) => c.name))(
    '%s: severity 0 is the image, sizes 32 and 96×72 keep their size',
    async (name) => {
      const small = synth(32, 32);
      expect(await corrupt(small, name, 0, { ...options, jpeg85: true })).toBe(small);
      for (const severity of SEVERITIES) {
        const out = await corrupt(small, name, severity, options);
        expect([out.width, out.height, out.data.length]).toEqual([32, 32, 3072]);
        expect(out.data).toEqual((await corrupt(small, name, severity, options)).data);
      }
      const wide = await corrupt(synth(72, 96), name, 3, options);
      expect([wide.width, wide.height, wide.data.length]).toEqual([96, 72, 96 * 72 * 3]);
    },
  );

  it('draw anew for every image, severity and seed unless they are deterministic', async () => {
    const image = synth(64, 64);
    for (const { name, deterministic } of CORRUPTIONS) {
      const first = await corrupt(image, name, 4, options);
      const second = await corrupt(image, name, 4, { ...options, imageNumber: 8 });
      const third = await corrupt(image, name, 4, { ...options, seed: 4 });
      expect([name, difference(first, second) > 0, difference(first, third) > 0]).toEqual([
        name,
        !deterministic,
        !deterministic,
      ]);
    }
  });

  it('get no weaker with severity where the paper says so', async () => {
    const image = landscape(128);
    const monotone = ['gaussian_noise', 'shot_noise', 'impulse_noise', 'speckle_noise', 'gaussian_blur'];
    for (const name of [
      ...monotone,
      'defocus_blur',
      'contrast',
      'pixelate',
      'jpeg_compression',
      'brightness',
    ]) {
      const changes: number[] = [];
      for (const severity of SEVERITIES)
        changes.push(difference(image, await corrupt(image, name, severity, options)));
      expect([name, changes]).toEqual([name, [...changes].sort((a, b) => a - b)]);
    }
  });

  it('name the nearest corruption and the valid severities in errors', async () => {
    await expect(corrupt(grey(32, 9), 'gausian_noise', 1, options)).rejects.toMatchObject({
      code: 'corruption/unknown',
      hint: 'did you mean gaussian_noise?',
    });
    const draws = new Rng(0, 'test');
    await expect(findCorruption('fog').apply(grey(32, 9), 6 as Severity, draws)).rejects.toMatchObject({
      code: 'corruption/severity',
    });
  });

  it('the final JPEG changes pixels, as in the files of the release', async () => {
    const image = synth(64, 64);
    const plain = await corrupt(image, 'fog', 2, options);
    const stored = await corrupt(image, 'fog', 2, { ...options, jpeg85: true });
    expect(difference(plain, stored)).toBeGreaterThan(0.5);
  });
});

describe('noise moments on constant images', () => {
  const level = 128;
  const x = level / 255;
  const cases: [string, Severity, number, number][] = [
    ['gaussian_noise', 1, x, 0.08 ** 2],
    ['speckle_noise', 1, x, (x * 0.15) ** 2],
    ['shot_noise', 1, x, x / 60],
    ['impulse_noise', 5, 0.73 * x + 0.27 / 2, 0.73 * x * x + 0.27 / 2 - (0.73 * x + 0.27 / 2) ** 2],
  ];
  it.each(cases)('%s %d', async (name, severity, mean, variance) => {
    const found = moments(await corrupt(grey(224, level), name, severity, options));
    expect(Math.abs(found.mean - mean)).toBeLessThan(0.003);
    expect(Math.abs(found.variance / variance - 1)).toBeLessThan(0.02);
  });

  it('Poisson counts of few photons have the exact distribution', async () => {
    const out = await corrupt(grey(224, 255), 'shot_noise', 5, options);
    // Three photons: 0, ⅓, ⅔ of full scale with e⁻³·3^k/k!, all else clipped to 1.
    const share = (value: number): number => out.data.filter((v) => v === value).length / out.data.length;
    for (const [value, probability] of [
      [0, Math.exp(-3)],
      [85, 3 * Math.exp(-3)],
      [170, 4.5 * Math.exp(-3)],
      [255, 1 - 8.5 * Math.exp(-3)],
    ] as const)
      expect(Math.abs(share(value) - probability)).toBeLessThan(0.004);
  });
});

describe('parts', () => {
  it('the fog map is in [0, 1] and reaches both ends', () => {
    const map = plasma(64, 1.7, new Rng(1, 'fog'));
    expect([Math.min(...map), Math.max(...map)]).toEqual([0, 1]);
  });

  it('defocus kernels have the published sizes and sum to 1, but for the mirrored edge of the disk', () => {
    for (const [radius, alias, side] of [
      [3, 0.1, 17],
      [10, 0.5, 21],
      [0.5, 0.6, 17],
    ] as const) {
      const kernel = diskKernel(radius, alias);
      expect(kernel.side).toBe(side);
      const sum = kernel.weights.reduce((a, b) => a + b, 0);
      if (radius < 8) expect(sum).toBeCloseTo(1, 12);
      else expect(sum).toBeCloseTo(1.0108, 4);
    }
    expect(diskKernel(3, 0.1).weights.filter((w) => w > 1e-12)).toHaveLength(29);
  });

  it('frost textures: a fifth for CIFAR, enlarged when the image is larger', async () => {
    const small = await frostTexture(1, 'cifar', 32, 32);
    const full = await frostTexture(1, 'imagenet', 224, 224);
    expect([small.width, small.height, full.width, full.height]).toEqual([112, 63, 560, 315]);
    expect(small.data[3]).toBe(full.data[(2 * 560 + 7) * 3]);
    const large = await frostTexture(1, 'imagenet', 384, 384);
    expect(large.height).toBeGreaterThan(384);
  });
});

describe('perturbation sequences', () => {
  it('are 10 + 4, noise by name', () => {
    expect(PERTURBATIONS.filter((p) => p.group === 'benchmark')).toHaveLength(10);
    expect(PERTURBATIONS.filter((p) => p.isNoise).map((p) => p.name)).toEqual([
      'gaussian_noise',
      'shot_noise',
      'speckle_noise',
    ]);
  });

  it.each(PERTURBATIONS.map((p) => p.name))(
    '%s: frame counts, sizes, repeatable, difficulty of noise',
    (name) => {
      const image = synth(32, 32);
      const perturbation = PERTURBATIONS.find((p) => p.name === name)!;
      const frames = [...perturb(image, name, options)];
      expect(frames).toHaveLength(perturbation.frameCount('cifar'));
      expect(perturbation.frameCount('imagenet')).toBe(name === 'translate' ? 41 : 31);
      expect(frames.every((f) => f.width === 32 && f.height === 32)).toBe(true);
      const again = [...perturb(image, name, options)];
      expect(again.at(-1)!.data).toEqual(frames.at(-1)!.data);
      expect(difference(frames[0]!, frames.at(-1)!)).toBeGreaterThan(0);
      if (perturbation.isNoise) {
        expect(frames[0]!.data).toEqual(image.data);
        const harder = [...perturb(image, name, { ...options, difficulty: 3 })];
        expect(difference(image, harder[5]!)).toBeGreaterThan(difference(image, frames[5]!));
      }
    },
  );
});

describe('the picture itself', () => {
  it('stays as it is under every corruption, also as a decoder gives it or in a Buffer', async () => {
    const picture = synth(64, 64);
    const decoded = await decodeImage(await encodePng(picture), 'a picture');
    expect(Buffer.isBuffer(decoded.data)).toBe(false);
    for (const image of [decoded, { ...picture, data: Buffer.from(picture.data) }])
      for (const { name } of CORRUPTIONS) {
        await corrupt(image, name, 3, { seed: 0, imageNumber: 0 });
        expect(Buffer.compare(image.data, picture.data), name).toBe(0);
      }
  });
});
