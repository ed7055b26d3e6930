/** Checks in the seconds before the first step, so that no foreseeable failure comes hours later. */
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Loader } from '../data/loader.ts';
import type { Recipe } from '../recipe/schema.ts';
import { FrameworkError } from '../util/errors.ts';
import { existsNow } from '../util/files.ts';
import { listCheckpoints } from './run/checkpoints.ts';
import type { RunFolder } from './run/run-folder.ts';
import type { TrainingSession } from './step/session.ts';
import type { MemoryPlan } from './step/training-plan.ts';

export interface Preflight {
  readonly training: { readonly images: number; readonly batch: number; readonly seconds: number };
  readonly validation: { readonly images: number; readonly batch: number; readonly seconds: number };
  readonly disk: DiskNeed;
}

/** Decodes one training batch, runs one validation batch through the model, and looks for room for the checkpoints. */
export async function preflight(
  recipe: Recipe,
  { training, validation }: { readonly training: Loader; readonly validation: Loader },
  session: TrainingSession,
  folder: RunFolder,
): Promise<Preflight> {
  const disk = await diskNeed(recipe, session.plan.memory, folder.checkpoints);
  checkDisk(disk, folder.root);
  const decoded = await firstBatch(training.train({ epoch: 0, step: 0, epochs: 1 }));
  const ran = await firstBatch(validation.evaluate(), async ({ x, labels }) => {
    await session.logits(x, labels.length, 'raw');
    await session.tryTeacher(x);
  });
  return {
    training: { images: training.length, batch: decoded.images, seconds: decoded.seconds },
    validation: { images: validation.length, batch: ran.images, seconds: ran.seconds },
    disk,
  };
}

type Batch = { readonly x: Float32Array; readonly labels: Int32Array };

async function firstBatch(
  batches: AsyncIterable<Batch>,
  use: (batch: Batch) => Promise<void> = async () => undefined,
): Promise<{ images: number; seconds: number }> {
  const start = performance.now();
  for await (const batch of batches) {
    await use(batch);
    return { images: batch.labels.length, seconds: (performance.now() - start) / 1000 };
  }
  return { images: 0, seconds: 0 };
}

/** Room that checkpoints take. */
export interface DiskNeed {
  /** Size of one checkpoint. */
  readonly bytes: number;
  /** Checkpoints there are at once: those that are kept, the best, and the one being written. */
  readonly checkpoints: number;
  /** How many of those exist already. */
  readonly present: number;
  /** Undefined where the file system does not tell. */
  readonly free: number | undefined;
}

async function diskNeed({ checkpoint }: Recipe, memory: MemoryPlan, folder: string): Promise<DiskNeed> {
  const { parameters, moments, state, ema } = memory;
  return {
    bytes: parameters + moments + state + ema,
    checkpoints: checkpoint.keep + (checkpoint.best ? 1 : 0) + 1,
    present: (await listCheckpoints(folder)).length,
    free: await freeBytes(folder),
  };
}

async function freeBytes(path: string): Promise<number | undefined> {
  let folder = resolve(path);
  while (!existsNow(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, blocks, bsize } = await statfs(folder);
  return blocks === 0 ? undefined : bavail * bsize;
}

/** @throws FrameworkError `file/no-space` */
export function checkDisk({ bytes, checkpoints, present, free }: DiskNeed, root: string): void {
  const needed = bytes * Math.max(1, checkpoints - present);
  if (free === undefined || free >= needed) return;
  throw new FrameworkError(
    'file/no-space',
    `${root} holds up to ${checkpoints} checkpoints of ${size(bytes)} at once, ${size(needed)} more than there are now, but its disk has ${size(free)} free.`,
    {
      hint: 'Free some, choose another --out, or keep fewer: --set checkpoint.keep=1 --set checkpoint.best=false.',
    },
  );
}

/** One line on what was found. */
export function describePreflight({ training, validation, disk }: Preflight): string {
  const count = (value: number) => value.toLocaleString('en');
  const room = disk.free === undefined ? '' : ` (${size(disk.free)} free)`;
  return (
    `checked: ${count(training.images)} training images, a batch of ${training.batch} came in ${training.seconds.toFixed(1)} s; ` +
    `${count(validation.images)} validation images, a batch of ${validation.batch} ran in ${validation.seconds.toFixed(1)} s; ` +
    `room for ${disk.checkpoints} checkpoints of ${size(disk.bytes)}${room}`
  );
}

/** `3.1 MiB`, `12.4 GiB` */
export function size(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
