/** Images per second of each stage between a file and a training tensor, on one core. Run: npx tsx bench/augment.ts <image files>. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { affine, rotation } from '../src/data/augment/affine.ts';
import { applyErasing, drawErasing } from '../src/data/augment/erasing.ts';
import { applyAugment, drawRandAugment, parseRandAugment } from '../src/data/augment/rand-augment.ts';
import { drawResizedCrop } from '../src/data/augment/random-resized-crop.ts';
import { hflip } from '../src/data/image/crop.ts';
import { decodeImage } from '../src/data/image/decode.ts';
import type { Image } from '../src/data/image/image.ts';
import { resize } from '../src/data/image/resize.ts';
import { evalTransform, toTensor, trainTransform } from '../src/data/transform.ts';
import { Rng } from '../src/util/rng.ts';

export interface AugmentRow {
  readonly stage: string;
  /** Median over the rounds. */
  readonly imagesPerSecond: number;
  /** Slowest and fastest round. */
  readonly range: readonly [number, number];
}

const MEAN = [0.485, 0.456, 0.406] as const;
const STD = [0.229, 0.224, 0.225] as const;
const CROP = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } as const;
const RAND = 'rand-m9-mstd0.5-inc1';
const SIZE = 224;

/** Times every stage over all files, `rounds` times each after one warm-up round. Draws differ from round to round, not from run to run. */
export async function benchAugment(files: readonly string[], rounds = 7): Promise<AugmentRow[]> {
  const encoded = files.map((file) => readFileSync(file));
  const images: Image[] = [];
  for (const [i, bytes] of encoded.entries()) images.push(await decodeImage(bytes, files[i]!));
  const squares = images.map((image) => resize(image, SIZE, SIZE, 'bicubic'));
  const x = new Float32Array(3 * SIZE * SIZE);
  const randAugment = parseRandAugment(RAND);
  const warp = { filter: 'bicubic', fill: [124, 116, 104] } as const;
  const erasing = { prob: 0.25, mode: 'pixel', count: 1 } as const;
  const train = trainTransform(
    {
      crop: { kind: 'random-resized', ...CROP },
      interpolation: 'bicubic',
      flip: 0.5,
      colorJitter: null,
      autoAugment: RAND,
      erasing,
    },
    SIZE,
    MEAN,
  );
  const evaluate = evalTransform({ resize: 256, crop: SIZE, squash: false, interpolation: 'bicubic' });

  const stages: Record<string, (i: number, rng: Rng) => unknown> = {
    decode: (i) => decodeImage(encoded[i]!, files[i]!),
    'random-resized-crop, bicubic': (i, rng) => {
      const image = images[i]!;
      return resize(image, SIZE, SIZE, 'bicubic', drawResizedCrop(CROP, rng, image.width, image.height));
    },
    flip: (i) => hflip(squares[i]!),
    [RAND]: (i, rng) => applyAugment(drawRandAugment(randAugment, rng), squares[i]!, warp),
    'of which one bicubic rotation': (i) =>
      affine(squares[i]!, rotation(27, SIZE, SIZE), warp.filter, warp.fill),
    toTensor: (i) => toTensor(squares[i]!, MEAN, STD, x),
    'random erasing': (_, rng) => applyErasing(drawErasing(erasing, rng, SIZE, SIZE), rng, x, SIZE, SIZE),
    'train, from the file': async (i, rng) => {
      toTensor(train(await decodeImage(encoded[i]!, files[i]!), rng), MEAN, STD, x);
      applyErasing(drawErasing(erasing, rng, SIZE, SIZE), rng, x, SIZE, SIZE);
    },
    'evaluation, from the file': async (i) =>
      toTensor(evaluate(await decodeImage(encoded[i]!, files[i]!)), MEAN, STD, x),
  };
  const rows: AugmentRow[] = [];
  for (const [stage, run] of Object.entries(stages))
    rows.push({ stage, ...(await time(run, files.length, rounds)) });
  return rows;
}

async function time(
  run: (i: number, rng: Rng) => unknown,
  count: number,
  rounds: number,
): Promise<Omit<AugmentRow, 'stage'>> {
  const rates: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      const result = run(i, new Rng(0, 'bench', (round + 1) * count + i));
      if (result instanceof Promise) await result;
    }
    if (round >= 0) rates.push((count * 1000) / (performance.now() - start));
  }
  rates.sort((a, b) => a - b);
  return { imagesPerSecond: rates[rounds >> 1]!, range: [rates[0]!, rates[rounds - 1]!] };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = process.argv.slice(2);
  for (const { stage, imagesPerSecond, range } of await benchAugment(files)) {
    const spread = range.map((rate) => rate.toFixed(0)).join(' … ');
    console.log(`${stage.padEnd(32)} ${imagesPerSecond.toFixed(0).padStart(8)} images/s  (${spread})`);
  }
}
