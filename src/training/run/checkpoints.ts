import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors, writeSafetensors, type TensorToWrite } from '../../formats/safetensors.ts';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { exists, isNoFile, readError } from '../../util/files.ts';
import { digestOf, readSealed, sealedKind, writeSealed, type FileDigest } from '../../util/sealed.ts';

/**
 * Checkpoints of a run: folders `checkpoints/step-00001234/` of safetensors files (PyTorch's names) and one
 * `checkpoint.json`. A checkpoint is written under a temporary name, synced and renamed, so that each one that exists is
 * whole; `checkpoint.json` is sealed and holds the SHA-256 of every file, so that damage is noticed before a value is used.
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
  readonly recipeHash: string;
  readonly files: Readonly<Record<string, FileDigest>>;
}

export interface Checkpoint {
  readonly folder: string;
  readonly info: CheckpointInfo;
}

const CHECKPOINT = sealedKind<CheckpointInfo>(
  'checkpoint',
  2,
  'Its weights may still be of use: --init <folder>/model.safetensors with another --out starts a new run from them.',
);
const NAME = /^step-(\d{8,})$/;

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/**
 * Writes one checkpoint atomically and returns its folder.
 * @param root an existing folder: one that is gone while training is a failure, not a reason to make it again
 * @param files file name → tensors @param metadata of each file
 */
export async function saveCheckpoint(
  root: string,
  counters: Counters,
  recipeHash: string,
  files: ReadonlyMap<string, readonly TensorToWrite[]>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = join(root, checkpointName(counters.step));
  const staging = join(root, `.${checkpointName(counters.step)}.${process.pid}`);
  try {
    await rm(staging, { recursive: true, force: true }); // of a process of the same number that was killed
    await mkdir(staging);
    const digests: Record<string, FileDigest> = {};
    for (const [name, tensors] of files)
      digests[name] = await writeSafetensors(join(staging, name), tensors, { format: 'pt', ...metadata });
    await writeSealed(join(staging, 'checkpoint.json'), CHECKPOINT, {
      ...counters,
      recipeHash,
      files: digests,
    });
    if (await exists(folder)) await replace(folder, staging);
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
        hint: 'Earlier checkpoints were not touched. Look after the disk and the folder, or choose another --out; then run again with --resume.',
        cause: error,
      },
    );
  }
}

/** The same step gives the same tensors: those that are there stay, unless they were damaged. The best accuracy may be newer. */
async function replace(folder: string, staging: string): Promise<void> {
  if (!((await soundOrError(folder)) instanceof FrameworkError)) {
    await rename(join(staging, 'checkpoint.json'), join(folder, 'checkpoint.json'));
    await rm(staging, { recursive: true });
    return;
  }
  await setAside(folder);
  await rename(staging, folder);
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  await handle.sync();
  await handle.close();
}

/** Steps that have a checkpoint, ascending; none where there is no such folder. @throws FrameworkError `file/read` */
export async function listCheckpoints(root: string): Promise<number[]> {
  if (!(await exists(root))) return [];
  const names = await readdir(root).catch((error: unknown) => {
    throw readError(root, error);
  });
  return names
    .map((name) => NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * The newest checkpoint of a run, if there is one: its record is verified, its tensors are not (see `verifyFile`).
 * @throws FrameworkError `checkpoint/damaged`
 */
export async function latestCheckpoint(root: string): Promise<Checkpoint | undefined> {
  const step = (await listCheckpoints(root)).at(-1);
  return step === undefined ? undefined : openCheckpoint(join(root, checkpointName(step)));
}

/** The state from which a run resumes. */
export interface ResumePoint {
  readonly checkpoint: Checkpoint;
  /** Newer checkpoints, and how they are damaged. */
  readonly damaged: readonly Damaged[];
}

export interface Damaged {
  readonly folder: string;
  readonly error: FrameworkError;
}

/**
 * The newest checkpoint of a run that is good: every byte of it is read and verified.
 * @param past whether damaged checkpoints may be passed over
 * @throws FrameworkError `checkpoint/damaged` where the newest one is damaged and `past` does not hold, saying which one is good; or
 *   where all are
 */
export async function resumePoint(root: string, past: boolean): Promise<ResumePoint | undefined> {
  const damaged: Damaged[] = [];
  for (const step of (await listCheckpoints(root)).reverse()) {
    const folder = join(root, checkpointName(step));
    const found = await soundOrError(folder);
    if (found instanceof FrameworkError) damaged.push({ folder, error: found });
    else if (damaged.length === 0 || past) return { checkpoint: found, damaged };
    else throw damagedError(damaged, `Add --resume to go on from ${folder}, whose checksums are right.`);
  }
  if (damaged.length === 0) return undefined;
  throw damagedError(
    damaged,
    `No checkpoint in ${root} is good. Restore one from a copy, or train anew with another --out.`,
  );
}

function damagedError(damaged: readonly Damaged[], hint: string): FrameworkError {
  const message = damaged.map(({ error }) => error.message).join(' ');
  return new FrameworkError('checkpoint/damaged', message, { hint, cause: damaged[0]?.error });
}

/** Renames damaged checkpoints that a run goes back behind, so that it can save these steps again. */
export async function setAside(folder: string): Promise<void> {
  await rm(`${folder}.damaged`, { recursive: true, force: true });
  await rename(folder, `${folder}.damaged`);
}

/** A whole checkpoint, or how it is damaged. @throws FrameworkError where the system does not let it be read: that is no damage */
async function soundOrError(folder: string): Promise<Checkpoint | FrameworkError> {
  try {
    const checkpoint = await openCheckpoint(folder);
    for (const name of Object.keys(checkpoint.info.files)) await verifyFile(checkpoint, name);
    return checkpoint;
  } catch (error) {
    if (error instanceof FrameworkError && error.code === 'checkpoint/damaged') return error;
    throw error;
  }
}

/** Not a checkpoint of this version, or damaged. A newer version's counts as neither. */
const DAMAGE: ReadonlySet<string> = new Set([
  'file/damaged',
  'file/missing',
  'file/unsealed',
  'file/other-kind',
]);

/** A checkpoint by its record, which is verified. @throws FrameworkError `checkpoint/damaged` */
async function openCheckpoint(folder: string): Promise<Checkpoint> {
  try {
    const info = await readSealed(join(folder, 'checkpoint.json'), CHECKPOINT);
    if (folder.endsWith(checkpointName(info.step))) return { folder, info };
    throw new FrameworkError('file/damaged', `${folder} holds the checkpoint of step ${info.step}.`);
  } catch (error) {
    if (!(error instanceof FrameworkError) || !(DAMAGE.has(error.code) || isNoFile(error))) throw error;
    const { message, hint } = error;
    throw new FrameworkError('checkpoint/damaged', message, {
      ...(hint !== undefined && { hint }),
      cause: error,
    });
  }
}

/** Compares one of a checkpoint's files with its record, byte for byte. @throws FrameworkError `checkpoint/damaged` */
export async function verifyFile({ folder, info }: Checkpoint, name: string): Promise<void> {
  const path = join(folder, name);
  const damaged = (found: string) =>
    new FrameworkError(
      'checkpoint/damaged',
      `${path} was damaged or changed since it was written: ${found}.`,
      {
        hint: `If the run has an earlier checkpoint, deleting ${folder} makes that one its newest; training goes on from it with --resume.`,
      },
    );
  const recorded = info.files[name];
  if (recorded === undefined || !(await exists(path))) throw damaged('it is missing');
  const { size } = await stat(path);
  if (size !== recorded.bytes) throw damaged(`it has ${size} bytes instead of ${recorded.bytes}`);
  if ((await digestOf(path)).sha256 !== recorded.sha256)
    throw damaged('its content does not fit the checksum in checkpoint.json');
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
    if (/^\.step-\d{8,}\.\d+$/.test(name)) await rm(join(root, name), { recursive: true, force: true });
  }
}
