/** Small benchmarks on disk and a small model, for tests. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePng } from '../../../src/data/image/encode.ts';
import type { Image } from '../../../src/data/image/image.ts';
import { NORMALIZATIONS } from '../../../src/data/normalization.ts';
import type { Dataset } from '../../../src/data/dataset.ts';
import { tableDataset } from '../../../src/data/dataset.ts';
import type { Classifier } from '../../../src/robustness/classifier/classifier.ts';
import { classCount } from '../../../src/robustness/classifier/classifier.ts';
import { evaluateBenchmark } from '../../../src/robustness/benchmarks/evaluation/evaluate.ts';
import { locate } from '../../../src/robustness/benchmarks/images/locate.ts';
import type { EvaluateOptions } from '../../../src/robustness/benchmarks/evaluation/options.ts';
import { openRelease } from '../../../src/robustness/benchmarks/images/release.ts';
import { findBenchmark } from '../../../src/robustness/benchmarks/records.ts';
import type { BenchmarkResult } from '../../../src/robustness/benchmarks/evaluation/result.ts';
import { Rng } from '../../../src/util/rng.ts';

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'largekernel-robustness-'));
}

/** Blocks of random colour with some noise, different for every number. */
export function picture(number: number, width = 40, height = 36): Image {
  const rng = new Rng(9, 'picture', number);
  const colours = Array.from({ length: 12 }, () => rng.int(200));
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const block = 2 * Math.floor((2 * y) / height) + Math.floor((2 * x) / width);
    data[i] = colours[3 * block + (i % 3)]! + rng.int(40);
  }
  return { width, height, data };
}

/** Writes `count` pictures into each folder below `root`; the names are those of ImageNet validation files. */
export async function writePictures(
  root: string,
  folders: Readonly<Record<string, number>>,
  size: { width?: number; height?: number } = {},
): Promise<void> {
  let number = 1;
  for (const [folder, count] of Object.entries(folders)) {
    await mkdir(join(root, folder), { recursive: true });
    for (let i = 0; i < count; i++, number++) {
      const name = `ILSVRC2012_val_${String(number).padStart(8, '0')}.JPEG`;
      await writeFile(join(root, folder, name), await encodePng(picture(number, size.width, size.height)));
    }
  }
}

/** `count` pictures of `classes` classes in memory. */
export function pictureDataset(count: number, classes: number, side = 32): Dataset {
  return tableDataset({
    name: 'pictures',
    classes: Array.from({ length: classes }, (_, i) => ({ id: `class ${i}`, name: `class ${i}` })),
    notes: [],
    keys: Array.from({ length: count }, (_, i) => `picture ${i}`),
    labels: Array.from({ length: count }, (_, i) => i % classes),
    load: async (i) => picture(i, side, side),
    close: async () => undefined,
  });
}

/** A linear model of the 4×4 grid of mean colours. Counts its calls and can be told to stop after some. */
export class LinearClassifier implements Classifier {
  readonly name = 'linear';
  readonly fingerprint = 'seed 1';
  readonly classes: number | 'imagenet1k';
  readonly preprocessing: Classifier['preprocessing'];
  calls = 0;
  failAfter = Infinity;
  private readonly weight: Float32Array; // (classes, 48)

  constructor(classes: number | 'imagenet1k', imageSize = 32) {
    this.classes = classes;
    this.preprocessing = {
      ...NORMALIZATIONS.imagenet,
      imageSize,
      evalConfig: { resize: imageSize, crop: imageSize, squash: false, interpolation: 'bilinear' },
    };
    const rng = new Rng(1, 'linear');
    this.weight = Float32Array.from({ length: 48 * classCount(this) }, () => rng.normal());
  }

  async logits(batch: Float32Array, n: number): Promise<Float32Array> {
    if (this.calls++ >= this.failAfter) throw new Error('killed');
    const side = this.preprocessing.imageSize;
    const classes = classCount(this);
    const out = new Float32Array(n * classes);
    for (let i = 0; i < n; i++) {
      const cells = new Float64Array(48);
      for (let c = 0; c < 3; c++)
        for (let y = 0; y < side; y++)
          for (let x = 0; x < side; x++) {
            const cell = c * 16 + Math.floor((4 * y) / side) * 4 + Math.floor((4 * x) / side);
            cells[cell] = cells[cell]! + batch[((i * 3 + c) * side + y) * side + x]! / (side / 4) ** 2;
          }
      for (let k = 0; k < classes; k++) {
        let sum = 0;
        for (let j = 0; j < 48; j++) sum += this.weight[k * 48 + j]! * cells[j]!;
        out[i * classes + k] = sum;
      }
    }
    return out;
  }
}

export const hasFfmpeg = (() => {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Evaluates a release, four images at once. */
export async function evaluateRelease(
  id: string,
  root: string,
  classifier: Classifier,
  { stored, ...more }: Partial<EvaluateOptions> & { stored?: number } = {},
): Promise<BenchmarkResult> {
  const location = await locate(findBenchmark(id), root);
  const { parts, problems } = await openRelease(location, {
    ...(stored === undefined ? {} : { stored }),
    ...(classifier.classes === 'imagenet1k' ? {} : { valClasses: 'folders' }),
  });
  const folder = join(await temporaryFolder(), id);
  const { benchmark } = location;
  return evaluateBenchmark({
    benchmark,
    classifier,
    parts,
    problems,
    origin: 'release',
    folder,
    batchSize: 4,
    ...more,
  });
}
