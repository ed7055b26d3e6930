/** The run folders are a sweep's only record of its runs. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listCheckpoints } from '../training/run/checkpoints.ts';
import { readIdentity, readSummary, type TrainingSummary } from '../training/run/run-folder.ts';
import { FrameworkError } from '../util/errors.ts';
import { exists } from '../util/files.ts';
import { holderOf, type SeenHolder } from '../util/claim.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../util/sealed.ts';
import type { SweepRun } from './runs.ts';

/** Why a run failed: `failure.json` in its folder until it is tried again. */
export interface Failure {
  readonly stage: 'train' | 'evaluate' | 'launch';
  readonly exitCode: number | null;
  /** Name of the signal that ended the process, if one did. */
  readonly signal: string | null;
  /** The last lines it wrote to standard error. */
  readonly message: string;
}

const FAILURE = sealedKind<Failure>('failure of a run', 1, 'Delete it; the run is tried again.');

export type RunState =
  | { readonly kind: 'new' }
  /** Stopped before its end; goes on from this step (0: before the first checkpoint). */
  | { readonly kind: 'part'; readonly step: number }
  | { readonly kind: 'finished'; readonly summary: TrainingSummary; readonly failure: Failure | undefined }
  | { readonly kind: 'failed'; readonly step: number; readonly failure: Failure }
  /** A process trains or evaluates it now, here or elsewhere. */
  | { readonly kind: 'running'; readonly pid: number; readonly host: string };

/** @throws FrameworkError `recipe/other-run` if the folder holds a run of another recipe */
export async function stateOf(run: SweepRun): Promise<RunState> {
  const holder = (await holderOf(run.folder.claim)) ?? (await holderOf(sweepClaim(run)));
  return holder === undefined ? heldStateOf(run) : { kind: 'running', pid: holder.pid, host: holder.host };
}

type HeldState = Exclude<RunState, { kind: 'running' }>;

/** As `stateOf`, of a run that this process holds. A run with a file that is damaged or cannot be read is one of many that goes on. */
export async function heldStateOf(run: SweepRun): Promise<HeldState> {
  try {
    return await readState(run);
  } catch (error) {
    if (isOfOneFile(error)) return damagedState(error);
    throw error;
  }
}

/** What says of one run alone that its numbers cannot be had. */
export function isOfOneFile(error: unknown): error is FrameworkError {
  return error instanceof FrameworkError && error.code.startsWith('file/');
}

/** A damaged file may be the very one that counts: such a run is shown as failed. */
export function damagedState(
  error: { readonly message: string; readonly hint?: string | undefined },
  stage: Failure['stage'] = 'train',
): HeldState {
  const message = error.hint === undefined ? error.message : `${error.message} hint: ${error.hint}`;
  return { kind: 'failed', step: 0, failure: { stage, exitCode: null, signal: null, message } };
}

async function readState(run: SweepRun): Promise<HeldState> {
  const { folder } = run;
  const failure = await readSealedIfThere(failurePath(run), FAILURE);
  if (!(await exists(folder.environment)))
    return failure === undefined ? { kind: 'new' } : { kind: 'failed', step: 0, failure };
  const { recipeHash } = await readIdentity(folder);
  if (recipeHash !== run.hash) {
    throw new FrameworkError('recipe/other-run', `${folder.root} holds a run of another recipe.`, {
      hint: 'The sweep, its recipe or --set changed since: use another --out, or delete that folder.',
    });
  }
  const summary = await readSummary(folder);
  if (summary?.outcome === 'finished') return { kind: 'finished', summary, failure };
  // By its name: whether the checkpoint is good is for the run to say, which is one of many here.
  const step = (await listCheckpoints(folder.checkpoints)).at(-1) ?? 0;
  return failure === undefined ? { kind: 'part', step } : { kind: 'failed', step, failure };
}

export async function recordFailure(run: SweepRun, failure: Failure): Promise<void> {
  await writeSealed(failurePath(run), FAILURE, failure);
}

export async function clearFailure(run: SweepRun): Promise<void> {
  await rm(failurePath(run), { force: true });
}

/** By this file a sweep holds a run from its start to the last of its evaluations; the run's own processes hold its folder besides. */
export function sweepClaim(run: SweepRun): string {
  return join(run.folder.root, 'sweep.json');
}

/** Who trains or evaluates a run of this sweep now, in words. */
export function holderText({ pid, host, life }: Pick<SeenHolder, 'pid' | 'host' | 'life'>): string {
  return life === 'alive' ? `process ${pid}` : `process ${pid} on ${host}`;
}

function failurePath(run: SweepRun): string {
  return join(run.folder.root, 'failure.json');
}
