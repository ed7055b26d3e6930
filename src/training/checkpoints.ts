import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors, writeSafetensors, type TensorToWrite } from '../formats/safetensors.ts';
import { FrameworkError, messageOf } from '../util/errors.ts';
import { makeFolder, readJson, writeFileAtomic } from '../util/files.ts';

/**
 * Checkpoints of a run: folders `checkpoints/step-00001234/` of safetensors files (PyTorch's names) and one
 * `checkpoint.json`. A checkpoint is written under a temporary name, synced and renamed, so that each one that exists is
 * whole; `checkpoint.json` records the size of every file, so that damage is noticed.
 */

/** Counters of a run; with the tensors, all that a bit-exact continuation needs. */
export interface Counters {
  /** Optimiser steps done. */
  readonly step: number;
  /** Forward passes in training mode done, for BatchNorm's `num_batches_tracked`. */
  readonly batchesTracked: number;
  /** The best evaluation so far and the step it was made at. */
  readonly best: { readonly top1: number; readonly step: number; readonly weights: 'raw' | 'ema' } | null;
}

export interface CheckpointInfo extends Counters {
  readonly version: 1;
  readonly recipeHash: string;
  /** File name → bytes. */
  readonly files: Readonly<Record<string, number>>;
}

export interface Checkpoint {
  readonly folder: string;
  readonly info: CheckpointInfo;
}

const NAME = /^step-(\d{8})$/;

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/**
 * Writes one checkpoint atomically and returns its folder.
 * @param files file name → tensors
 */
export async function saveCheckpoint(
  root: string,
  counters: Counters,
  recipeHash: string,
  files: ReadonlyMap<string, readonly TensorToWrite[]>,
): Promise<string> {
  const folder = join(root, checkpointName(counters.step));
  const staging = join(root, `.${checkpointName(counters.step)}.${process.pid}`);
  try {
    await makeFolder(staging);
    const sizes: Record<string, number> = {};
    for (const [name, tensors] of files) {
      await writeSafetensors(join(staging, name), tensors, { format: 'pt' });
      sizes[name] = (await stat(join(staging, name))).size;
    }
    const info: CheckpointInfo = { version: 1, ...counters, recipeHash, files: sizes };
    await writeFileAtomic(join(staging, 'checkpoint.json'), `${JSON.stringify(info, null, 2)}\n`);
    if (await exists(folder))
      await rm(staging, { recursive: true }); // the same step gives the same bytes
    else await rename(staging, folder);
    await syncFolder(root);
    return folder;
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (error instanceof FrameworkError) throw error;
    throw new FrameworkError(
      'file/write',
      `The checkpoint ${folder} cannot be written: ${messageOf(error)}.`,
      {
        hint: 'Earlier checkpoints are intact. Free some space or choose another --out, then run again with --resume.',
        cause: error,
      },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  await handle.sync();
  await handle.close();
}

/** Steps that have a checkpoint, ascending. */
export async function listCheckpoints(root: string): Promise<number[]> {
  const names = await readdir(root).catch(() => [] as string[]);
  return names
    .map((name) => NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** The newest checkpoint of a run, if there is one. @throws FrameworkError when it is damaged, naming the one before */
export async function latestCheckpoint(root: string): Promise<Checkpoint | undefined> {
  const steps = await listCheckpoints(root);
  const step = steps.at(-1);
  if (step === undefined) return undefined;
  const previous = steps.at(-2);
  return openCheckpoint(
    join(root, checkpointName(step)),
    previous === undefined ? undefined : checkpointName(previous),
  );
}

/** Reads and checks `checkpoint.json` and the sizes of the files it lists. */
export async function openCheckpoint(folder: string, alternative?: string): Promise<Checkpoint> {
  const hint =
    alternative === undefined
      ? 'Delete this folder and start again.'
      : `Delete this folder to resume from ${alternative}, which is intact as far as it was checked.`;
  const info = (await readJson(join(folder, 'checkpoint.json'))) as CheckpointInfo;
  if (typeof info !== 'object' || info === null || info.version !== 1 || typeof info.files !== 'object') {
    throw new FrameworkError('checkpoint/damaged', `${folder}/checkpoint.json is not a checkpoint record.`, {
      hint,
    });
  }
  for (const [name, bytes] of Object.entries(info.files)) {
    const size = await stat(join(folder, name)).then(
      (entry) => entry.size,
      () => undefined,
    );
    if (size !== bytes) {
      const found = size === undefined ? 'is missing' : `has ${size} bytes`;
      throw new FrameworkError(
        'checkpoint/damaged',
        `${join(folder, name)} should have ${bytes} bytes but ${found}.`,
        { hint },
      );
    }
  }
  return { folder, info };
}

/** Reads every tensor of one of a checkpoint's files. */
export async function readCheckpointFile(
  checkpoint: Checkpoint,
  name: string,
): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(join(checkpoint.folder, name));
  try {
    const tensors = new Map<string, Float32Array>();
    for (const tensor of file.names()) tensors.set(tensor, await file.read(tensor));
    return tensors;
  } finally {
    await file.close();
  }
}

/** Deletes all but the `keep` newest checkpoints and the best one. */
export async function pruneCheckpoints(
  root: string,
  { keep, best }: { readonly keep: number; readonly best: number | undefined },
): Promise<void> {
  const steps = await listCheckpoints(root);
  for (const step of steps.slice(0, Math.max(0, steps.length - keep))) {
    if (step !== best) await rm(join(root, checkpointName(step)), { recursive: true, force: true });
  }
  // Left-overs of a process that was killed while writing.
  for (const name of await readdir(root)) {
    if (/^\.step-\d{8}\.\d+$/.test(name)) await rm(join(root, name), { recursive: true, force: true });
  }
}
