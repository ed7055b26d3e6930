import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Image } from '../../../src/data/image/image.ts';
import { findCorruption, findPerturbation } from '../../../src/robustness/corruptions/registry.ts';
import type { Draws, Severity } from '../../../src/robustness/corruptions/types.ts';
import { PortableDraws, fixedDraws, synth, uniformsInTurn } from './portable.ts';

interface Case {
  set: 'C' | 'P';
  name: string;
  severity_or_frame: number;
  params: { angle?: number; row0?: number; col0?: number; image?: string };
  mean: number[];
  pixels: number[][];
}

const fixtures = JSON.parse(
  readFileSync(new URL('../../golden/robustness/corruptions.json', import.meta.url), 'utf8'),
) as { points_yx: [number, number][]; cases: Case[]; checks: Record<string, number[]> };

function drawsFor({ name, severity_or_frame: severity, params }: Case): Draws {
  switch (name) {
    case 'gaussian_noise':
    case 'speckle_noise':
      return fixedDraws({ normals: new PortableDraws(101) });
    case 'impulse_noise':
      return uniformsInTurn(new PortableDraws(303), 224 * 224 * 3, new PortableDraws(404));
    case 'snow':
    case 'spatter':
      return fixedDraws({
        normals: new PortableDraws(202),
        ...(params.angle === undefined ? {} : { angle: params.angle }),
      });
    case 'motion_blur':
      return fixedDraws({ ...(params.angle === undefined ? {} : { angle: params.angle }) });
    case 'glass_blur':
      return new PortableDraws(500 + severity);
    case 'fog':
      return new PortableDraws(700 + severity);
    case 'elastic_transform':
      return new PortableDraws(800 + severity);
    case 'frost': {
      const texture = Number(/\d/.exec(params.image ?? '')?.[0]) - 1;
      return fixedDraws({ integers: [texture, params.row0 ?? 0, params.col0 ?? 0] });
    }
    default:
      return fixedDraws({});
  }
}

async function outputOf(test: Case): Promise<Image> {
  const draws = drawsFor(test);
  const step = test.severity_or_frame;
  if (test.set === 'C') return findCorruption(test.name).apply(synth(224, 224), step as Severity, draws);
  const clip = clips.get(test.name) ?? { frames: newClip(test.name, draws), seen: [] };
  clips.set(test.name, clip);
  while (clip.seen.length <= step) clip.seen.push(clip.frames.next().value as Image);
  return clip.seen[step]!;
}

/** Each sequence is made once; its cases are frames of it. */
const clips = new Map<string, { frames: Generator<Image>; seen: Image[] }>();

function newClip(name: string, draws: Draws): Generator<Image> {
  return findPerturbation(name).frames(synth(256, 300), {
    size: 224,
    difficulty: 1,
    draws,
    parameterSet: 'imagenet',
  });
}

describe('portable generator', () => {
  it('starts as the fixtures say', () => {
    const draws = new PortableDraws(12345);
    expect([0, 1, 2, 3].map(() => draws.uniform())).toEqual(fixtures.checks.rng_12345_first4);
    expect(synth(224, 224).data.reduce((sum, v) => sum + v, 0)).toBe(fixtures.checks.synth_224_sum);
  });
});

describe('reference pixels', () => {
  it.each(fixtures.cases)('$set $name $severity_or_frame', async (test) => {
    const image = await outputOf(test);
    const found = fixtures.points_yx.map(([y, x]) => [
      ...image.data.subarray((y * 224 + x) * 3, (y * 224 + x) * 3 + 3),
    ]);
    // Defocus: floating-point order just below an integer, before truncation.
    const allowed = test.name === 'defocus_blur' ? 1 : 0;
    const errors = found.map((pixel, i) => pixel.map((value, c) => Math.abs(value - test.pixels[i]![c]!)));
    if (Math.max(...errors.flat()) > allowed) expect(found).toEqual(test.pixels);
    const meanTolerance = test.name === 'jpeg_compression' ? 0.5 : 0.04;
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (let i = c; i < image.data.length; i += 3) sum += image.data[i]!;
      expect(Math.abs(sum / 224 / 224 - test.mean[c]!), `mean ${c}`).toBeLessThanOrEqual(meanTolerance);
    }
  });
});
