import type { Image } from '../data/image/image.ts';
import { ALL_CORRUPTIONS, corrupt, perturb } from '../robustness/corruptions/registry.ts';
import { PERTURBATIONS } from '../robustness/corruptions/sequences.ts';
import { SEVERITIES } from '../robustness/corruptions/types.ts';
import { Rng } from '../util/rng.ts';

/** One line of `largekernel bench corruptions`: one thread, decoding and the final JPEG not counted. */
export interface CorruptionTiming {
  readonly set: 'C' | 'P';
  readonly name: string;
  /** C: mean over the five severities, P: mean over the frames of one clip. */
  readonly msPerImage: number;
  /** Slowest severity, or the same as the mean for a clip. */
  readonly msSlowest: number;
  readonly repeats: number;
}

/** Milliseconds per image of every corruption and perturbation, best of `repeats`, on a `size`×`size` random image. */
export async function benchCorruptions(
  options: { size?: number; repeats?: number } = {},
): Promise<CorruptionTiming[]> {
  const { size = 224, repeats = 3 } = options;
  const image = cloudy(size);
  const rows: CorruptionTiming[] = [];
  for (const { name } of ALL_CORRUPTIONS) {
    const times: number[] = [];
    for (const severity of SEVERITIES)
      times.push(await best(repeats, (i) => corrupt(image, name, severity, { seed: 0, imageNumber: i })));
    const mean = times.reduce((a, b) => a + b, 0) / times.length;
    rows.push({ set: 'C', name, msPerImage: mean, msSlowest: Math.max(...times), repeats });
  }
  const uncropped = cloudy(Math.round((size * 256) / 224));
  for (const { name } of PERTURBATIONS) {
    let frames = 0;
    const clip = async (i: number): Promise<void> => {
      frames = 0;
      for (const frame of perturb(uncropped, name, { seed: 0, imageNumber: i, size }))
        frames += frame.width / size;
    };
    const ms = (await best(1, clip)) / frames;
    rows.push({ set: 'P', name, msPerImage: ms, msSlowest: ms, repeats: 1 });
  }
  return rows;
}

async function best(repeats: number, run: (i: number) => Promise<unknown>): Promise<number> {
  await run(0);
  let fastest = Infinity;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await run(i);
    fastest = Math.min(fastest, performance.now() - start);
  }
  return fastest;
}

function cloudy(size: number): Image {
  const rng = new Rng(0, 'bench/corruptions');
  const data = Uint8Array.from(
    { length: size * size * 3 },
    (_, i) => 80 + ((i / (3 * size)) % 100) + rng.int(60),
  );
  return { width: size, height: size, data };
}
