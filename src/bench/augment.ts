/** Images of each stage between a file and a training tensor in a second of one core, whatever threads use it and what else runs. */
import { readFileSync } from 'node:fs';
import { affine, rotation } from '../data/augment/affine.ts';
import { applyErasing, drawErasing, type ErasingConfig } from '../data/augment/erasing.ts';
import { applyAugment, drawRandAugment, parseRandAugment } from '../data/augment/rand-augment.ts';
import { drawResizedCrop } from '../data/augment/random-resized-crop.ts';
import { hflip } from '../data/image/crop.ts';
import { decodeImage, withImage } from '../data/image/decode.ts';
import type { Image } from '../data/image/image.ts';
import { resize } from '../data/image/resize.ts';
import { evalTransform, toTensor, trainTransform, type AugmentConfig } from '../data/transform.ts';
import { Rng } from '../util/rng.ts';
import { percentile } from './times.ts';

interface Rates {
  /** Median over the rounds. */
  readonly imagesPerSecond: number;
  /** Slowest and fastest round. */
  readonly range: readonly [number, number];
}

export interface AugmentRow extends Rates {
  readonly stage: string;
}

interface Sample {
  readonly file: string;
  readonly encoded: Buffer;
  readonly image: Image;
  /** The image at the training size. */
  readonly square: Image;
}

type Stage = (sample: Sample, rng: Rng) => unknown;

const MEAN = [0.485, 0.456, 0.406] as const;
const STD = [0.229, 0.224, 0.225] as const;
const CROP = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } as const;
const RAND = 'rand-m9-mstd0.5-inc1';
const SIZE = 224;

/** Training of ConvNeXt. */
export const TRAINING: AugmentConfig & { readonly erasing: ErasingConfig } = {
  crop: { kind: 'random-resized', ...CROP },
  interpolation: 'bicubic',
  flip: 0.5,
  colorJitter: null,
  autoAugment: RAND,
  erasing: { prob: 0.25, mode: 'pixel', count: 1 },
};

/** Times every stage over all files, `rounds` times each after one warm-up round. Draws differ from round to round, not from run to run. */
export async function benchAugment(files: readonly string[], rounds = 7): Promise<AugmentRow[]> {
  const samples: Sample[] = [];
  for (const file of files) {
    const encoded = readFileSync(file);
    const image = await decodeImage(encoded, file);
    samples.push({ file, encoded, image, square: resize(image, SIZE, SIZE, 'bicubic') });
  }
  const x = new Float32Array(3 * SIZE * SIZE);
  const randAugment = parseRandAugment(RAND);
  const warp = { filter: 'bicubic', fill: [124, 116, 104] } as const;
  const { erasing } = TRAINING;
  const train = trainTransform(TRAINING, SIZE, MEAN);
  const evaluate = evalTransform({ resize: 256, crop: SIZE, squash: false, interpolation: 'bicubic' });

  const stages: Record<string, Stage> = {
    decode: ({ encoded, file }) => decodeImage(encoded, file),
    'random-resized-crop, bicubic': ({ image }, rng) =>
      resize(image, SIZE, SIZE, 'bicubic', drawResizedCrop(CROP, rng, image.width, image.height)),
    flip: ({ square }) => hflip(square),
    [RAND]: ({ square }, rng) => applyAugment(drawRandAugment(randAugment, rng), square, warp),
    'of which one bicubic rotation': ({ square }) =>
      affine(square, rotation(27, SIZE, SIZE), warp.filter, warp.fill),
    toTensor: ({ square }) => toTensor(square, MEAN, STD, x),
    'random erasing': (_, rng) => applyErasing(drawErasing(erasing, rng, SIZE, SIZE), rng, x, SIZE, SIZE),
    'train, from the file': ({ encoded, file }, rng) =>
      withImage(encoded, file, (image) => {
        toTensor(train(image, rng), MEAN, STD, x);
        applyErasing(drawErasing(erasing, rng, SIZE, SIZE), rng, x, SIZE, SIZE);
      }),
    'evaluation, from the file': ({ encoded, file }) =>
      withImage(encoded, file, (image) => toTensor(evaluate(image), MEAN, STD, x)),
  };
  const rows: AugmentRow[] = [];
  for (const [stage, run] of Object.entries(stages))
    rows.push({ stage, ...(await time(run, samples, rounds)) });
  return rows;
}

/** The median over the rounds, and the slowest and the fastest. */
async function time(run: Stage, samples: readonly Sample[], rounds: number): Promise<Rates> {
  const rates: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const start = process.cpuUsage();
    for (const [i, sample] of samples.entries()) {
      const result = run(sample, new Rng(0, 'bench', (round + 1) * samples.length + i));
      if (result instanceof Promise) await result;
    }
    const { user, system } = process.cpuUsage(start);
    if (round >= 0) rates.push((samples.length * 1e6) / (user + system));
  }
  return { imagesPerSecond: percentile(rates, 0.5), range: [Math.min(...rates), Math.max(...rates)] };
}
