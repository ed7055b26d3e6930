/**
 * The ten corruptions of ImageNet-C-bar (Mintun et al., NeurIPS 2021): chosen because they are unlike those of ImageNet-C. Formulas,
 * severities and order of the draws are those of facebookresearch/augmentation-corruption, imagenet_c_bar/. Given the same draws the
 * pixels are the reference's but for single levels, where single and double precision truncate differently; the draws themselves are
 * ours, for the release's come from NumPy's generator, forked into worker processes. Lengths scale with the shorter side, and the
 * severities are those for 224 px at any size.
 */
import type { Image } from '../../data/image/image.ts';
import { defineCorruption, type Five } from './define.ts';
import { refractCaustics } from './lib/caustics.ts';
import { floored, grid } from './lib/floored.ts';
import { drawSparkle, shine } from './lib/sparkle.ts';
import { perlin } from './lib/perlin.ts';
import { spectralNoise } from './lib/spectral-noise.ts';
import type { Corruption, Draws } from './types.ts';

const { PI, abs, atan2, cos, floor, hypot, max, min, sin } = Math;

const shorter = ({ width, height }: Image): number => min(width, height);

/** Python's modulo: the sign of the divisor. */
const modulo = (a: number, b: number): number => a - b * floor(a / b);

function bar(
  name: string,
  severities: Five<number>,
  run: (image: Image, severity: number, draws: Draws) => Image,
): Corruption {
  return defineCorruption<number>({ name, group: 'bar', deterministic: false, imagenet: severities, run });
}

/** A wave of one frequency on all colours. */
function addWave(image: Image, severity: number, draws: Draws): Image {
  const longer = draws.between(-PI, PI);
  const other = draws.between(-abs(longer), abs(longer));
  const [fx, fy] = draws.int(2) === 0 ? [longer, other] : [other, longer];
  const phase = draws.between(0, 2 * PI);
  const wave = grid(image, (y, x) => 19.6 * severity * sin(x * fx + y * fy + phase));
  return floored(image, (i) => (image.data[i] as number) + (wave[floor(i / 3)] as number));
}

/** Rings about a point, each a ramp from dark to bright, with a wavy outline. */
function addRings(image: Image, severity: number, draws: Draws): Image {
  const tenth = shorter(image) / 10;
  const x0 = draws.between(0, image.width);
  const y0 = draws.between(0, image.height);
  const frequency = draws.between(0, 10);
  const amplitude = draws.between(0, tenth);
  const ring = draws.between(0, tenth);
  const noise = grid(image, (y, x) => {
    const angle = atan2(x - x0, y - y0) * frequency;
    const distance = Math.sqrt((x - x0) ** 2 + (y - y0) ** 2) + sin(angle) * amplitude;
    return 12.8 * severity * (modulo(distance, ring) / ring - 0.5);
  });
  return floored(image, (i) => (image.data[i] as number) + (noise[floor(i / 3)] as number));
}

interface Plasma {
  readonly time: number;
  readonly iterations: number;
  readonly sharpness: number;
  readonly scale: number;
}

/** Waves that bend each other; the three colours at a point. */
function plasmaAt(
  y: number,
  x: number,
  { time, iterations, sharpness, scale }: Plasma,
): [number, number, number] {
  let [u, v] = [x / scale, y / scale];
  let [frequency, slowness, damping] = [1, 1, 1];
  for (let s = 0; s < iterations; s++) {
    const a = cos(v * frequency + time / slowness) / damping;
    const b = sin(u * frequency + time / slowness) / damping;
    u += a - 0.3 * b;
    v += b + 0.3 * a;
    frequency *= 1.93;
    slowness *= 1.15;
    damping *= 2.25 - sharpness;
  }
  return [sin(u - time), sin((u + v + sin(time)) * 0.5), sin(v + time)];
}

function mixPlasma(image: Image, severity: number, draws: Draws): Image {
  const plasma: Plasma = {
    time: draws.between(0, 6 * PI),
    iterations: 4 + draws.int(3),
    sharpness: draws.between(0.5, 1),
    scale: draws.between(0.075, 0.2) * shorter(image),
  };
  const intensity = 6.4 * severity;
  const kept = 1 - intensity / 255;
  let colours: readonly number[] = [];
  return floored(image, (i) => {
    const pixel = floor(i / 3);
    if (i % 3 === 0) colours = plasmaAt(floor(pixel / image.width), pixel % image.width, plasma);
    return kept * (image.data[i] as number) + intensity * (colours[i % 3] as number);
  });
}

function mixPerlin(image: Image, severity: number, draws: Draws): Image {
  const cell = (32 * shorter(image)) / 224;
  const noise = perlin(draws);
  const clouds = grid(image, (y, x) => min(1, max(0, 0.5 * noise.turbulence(y / cell, x / cell, 16) + 0.5)));
  const alpha = 0.05 * severity;
  const { fround } = Math;
  const kept = (value: number): number => fround(fround(1 - alpha) * value);
  return floored(
    image,
    (i) => kept(image.data[i] as number) + 255 * alpha * (clouds[floor(i / 3)] as number),
  );
}

/** Noise whose amplitude falls with the square of the frequency, for each colour. */
function addBrownish(image: Image, severity: number, draws: Draws): Image {
  const channels = [0, 1, 2].map(() => spectralNoise(image, (y, x) => 1 / (hypot(y, x) ** 2 + 1), draws));
  return floored(
    image,
    (i) => (image.data[i] as number) + 6.4 * severity * (channels[i % 3]?.[floor(i / 3)] as number),
  );
}

/** Pixels where noise that grows with frequency is low become black. */
function sampleBlue(image: Image, severity: number, draws: Draws): Image {
  const noise = spectralNoise(image, (y, x) => hypot(y, x), draws);
  const threshold = 0.3 * severity - 2.5;
  return floored(image, (i) => ((noise[floor(i / 3)] as number) > threshold ? (image.data[i] as number) : 0));
}

/** Every other square of a turned board, if it is chosen, becomes grey. */
function cutBoard(image: Image, severity: number, draws: Draws): Image {
  const angle = draws.between(0, 2 * PI);
  const side = max(draws.between(0.1, 0.25) * shorter(image), 1);
  const [rows, columns] = [floor((4 * image.height) / side), floor((4 * image.width) / side)];
  const chosen = Array.from({ length: rows * columns }, () => draws.uniform() < severity / 10);
  // The reference's indices are truncated towards zero; negative ones count from the end.
  const at = (i: number, n: number): number => modulo(Math.trunc(i), n);
  const isCut = grid(image, (y, x) => {
    const u = (cos(angle) * y + sin(angle) * x) / side;
    const v = (-sin(angle) * y + cos(angle) * x) / side;
    const isDark = floor(modulo(u, 2)) === floor(modulo(v, 2));
    return isDark && chosen[at(u, rows) * columns + at(v, columns)] === true ? 1 : 0;
  });
  return floored(image, (i) => (isCut[floor(i / 3)] === 1 ? 128 : (image.data[i] as number)));
}

/** Five stars over the image. */
function addSparkles(image: Image, severity: number, draws: Draws): Image {
  const centres = Array.from(
    { length: 5 },
    () => [draws.between(0, image.height), draws.between(0, image.width)] as const,
  );
  const rays = centres.map(() => 50 + draws.int(150));
  const radius = 0.01 * severity * shorter(image);
  let x = Float64Array.from(image.data);
  for (const [i, centre] of centres.entries()) {
    const lengths = drawSparkle(rays[i] as number, radius, draws).map((length) => max(1, length));
    const before = Float32Array.from(x); // the reference stores the image in single precision between stars
    const light = grid(image, (r, c) => shine(r, c, centre, lengths, 1));
    x = x.map((_, j) => {
      const value = before[j] as number;
      return value + (light[floor(j / 3)] as number) * (255 - value);
    });
  }
  return floored(image, (i) => x[i] as number);
}

/** One star through which the image is seen; all else is white. */
function hideOutsideSparkle(image: Image, severity: number, draws: Draws): Image {
  const centre = [draws.between(0.25, 0.75) * image.height, draws.between(0.25, 0.75) * image.width] as const;
  const rays = 50 + draws.int(150);
  const lengths = drawSparkle(rays, 0.25 * shorter(image), draws);
  const seen = grid(image, (r, c) => shine(r, c, centre, lengths, (6.5 * severity) / 50));
  return floored(image, (i) => 255 + (seen[floor(i / 3)] as number) * ((image.data[i] as number) - 255));
}

/** In the order of the release's folders. */
export const BAR_CORRUPTIONS: readonly Corruption[] = [
  bar('blue_noise_sample', [0.8, 1.6, 2.4, 4, 5.6], sampleBlue),
  bar('brownish_noise', [1, 2, 3, 4, 5], addBrownish),
  bar('caustic_refraction', [2.35, 3.2, 4.9, 6.6, 9.15], refractCaustics),
  bar('checkerboard_cutout', [2, 3, 4, 5, 6], cutBoard),
  bar('cocentric_sine_waves', [3, 5, 8, 9, 10], addRings),
  bar('inverse_sparkles', [1, 2, 4, 9, 10], hideOutsideSparkle),
  bar('perlin_noise', [4.6, 5.2, 5.8, 7.6, 8.8], mixPerlin),
  bar('plasma_noise', [4.75, 7, 8.5, 9.25, 10], mixPlasma),
  bar('single_frequency_greyscale', [1, 1.5, 2, 4.5, 5], addWave),
  bar('sparkles', [1, 2, 3, 5, 6], addSparkles),
];
