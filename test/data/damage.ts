/** Damaged data sets: seeded mutations of good ones. Shared by the fuzz test and scripts/fuzz-datasets.ts. */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openDataset } from '../../src/data/datasets.ts';
import type { DatasetKind } from '../../src/data/dataset.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { Rng } from '../../src/util/rng.ts';
import { mutate } from '../formats/mutate.ts';
import { cifarRecords, golden, idx, sealTarHeader } from './fixtures.ts';

interface Seed {
  readonly kind: DatasetKind;
  readonly name: string;
  readonly bytes: () => Uint8Array;
  /** Files beside it that stay whole. */
  readonly beside?: Readonly<Record<string, Uint8Array>>;
  readonly split: string;
}

const file = (path: string) => (): Uint8Array => readFileSync(golden(path));
const images = idx([5, 8, 8], new Uint8Array(320).fill(100));
const beside = { 'train-labels-idx1-ubyte': idx([5], Uint8Array.of(0, 1, 2, 3, 4)) };

const SEEDS: readonly Seed[] = [
  { kind: 'cifar10', name: 'data_batch_1.bin', bytes: () => cifarRecords(3), split: 'train' },
  { kind: 'idx', name: 'train-images-idx3-ubyte', bytes: () => images, beside, split: 'train' },
  { kind: 'idx', name: 'train-images-idx3-ubyte.gz', bytes: () => gzipSync(images), beside, split: 'train' },
  { kind: 'imagenet-tar', name: 'ILSVRC2012_img_train.tar', bytes: file('tar/ILSVRC2012_img_train.tar'), split: 'train' },
  { kind: 'imagenet-tar', name: 'ILSVRC2012_img_val.tar', bytes: file('tar/ILSVRC2012_img_val.tar'), split: 'val' },
  { kind: 'webdataset', name: 'train-0.tar', bytes: file('webdataset/train-000000.tar'), split: 'train' },
  { kind: 'webdataset', name: 'train-1.tar', bytes: file('webdataset/train-000001.tar'), split: 'train' },
  ...['train-00000-of-00002', 'train-00001-of-00002'].map(parquet('parquet')),
  ...['gzip-v2', 'plain', 'snappy-v2-pages', 'nopath'].map(parquet('variants')),
];

function parquet(folder: string): (name: string) => Seed {
  return (name) => ({ kind: 'parquet', name: 'train.parquet', bytes: file(`${folder}/${name}.parquet`), split: 'train' });
}

/** Damages the part that steers the reader: the footer of parquet, a sealed header of tar; else any part. */
function damage(seed: Seed, rng: Rng): Uint8Array {
  const bytes = seed.bytes();
  if (rng.chance(0.4)) return mutate(bytes, rng);
  if (seed.kind === 'parquet') {
    const start = rng.chance(0.5) ? bytes.length - 2500 : rng.int(Math.max(1, bytes.length - 300));
    const end = Math.min(bytes.length, start + (rng.chance(0.5) ? 2500 : 200));
    return Buffer.concat([bytes.subarray(0, start), mutate(bytes.subarray(start, end), rng), bytes.subarray(end)]);
  }
  if (seed.name.endsWith('.tar')) {
    const start = 512 * rng.int(bytes.length / 512);
    const block = Buffer.from(mutate(bytes.subarray(start, start + 512), rng));
    const sealed = block.length === 512 ? sealTarHeader(block) : block;
    return Buffer.concat([bytes.subarray(0, start), sealed, bytes.subarray(start + 512)]);
  }
  if (seed.name.endsWith('.gz')) return gzipSync(mutate(images, rng));
  return mutate(bytes, rng);
}

/** Milliseconds that no small damaged file may take. */
const MOST_MS = 3000;

export interface DamageCounts {
  /** data sets that were not opened */
  refused: number;
  /** samples that were refused one by one */
  unreadable: number;
  read: number;
}

/**
 * Opens mutation `index` and reads all samples; only FrameworkErrors and well-formed samples may come of it.
 * @throws Error with the seed file and index for any other outcome
 */
export async function damageOne(folder: string, index: number, counts: DamageCounts): Promise<void> {
  const seed = SEEDS[index % SEEDS.length]!;
  const root = join(folder, String(index % 8));
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  for (const [name, bytes] of Object.entries(seed.beside ?? {})) writeFileSync(join(root, name), bytes);
  writeFileSync(join(root, seed.name), damage(seed, new Rng(1, 'damage', index)));
  const started = performance.now();
  try {
    await readAll({ kind: seed.kind, root, split: seed.split, cache: join(root, 'cache') }, counts);
  } catch (error) {
    if (!(error instanceof FrameworkError) || error.code.startsWith('internal/'))
      throw new Error(`mutation ${index} of ${seed.name} (${seed.kind}): ${String(error)}`, { cause: error });
    counts.refused++;
  }
  const ms = performance.now() - started;
  if (ms > MOST_MS) throw new Error(`mutation ${index} of ${seed.name} (${seed.kind}) took ${ms} ms`);
  const stray = readdirSync(root).filter((name) => name.endsWith('.tmp'));
  if (stray.length > 0) throw new Error(`mutation ${index} left ${stray.join(', ')}`);
}

async function readAll(spec: Parameters<typeof openDataset>[0], counts: DamageCounts): Promise<void> {
  const data = await openDataset(spec);
  try {
    for (let i = 0; i < data.length; i++) {
      if (!(data.label(i) >= 0 && data.label(i) < data.classes.length)) throw new Error(`label ${data.label(i)}`);
      try {
        const { width, height, data: pixels } = await data.read(i);
        if (pixels.length !== width * height * 3) throw new Error(`${pixels.length} bytes for ${width}×${height}`);
        counts.read++;
      } catch (error) {
        if (!(error instanceof FrameworkError)) throw error;
        counts.unreadable++;
      }
    }
  } finally {
    await data.close();
  }
}
