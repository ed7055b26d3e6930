/** What a sweep knows of its runs is what their folders hold; there is no other record. */
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { latestCheckpoint } from '../training/checkpoints.ts';
import { readIdentity, readSummary, type TrainingSummary } from '../training/run-folder.ts';
import { FrameworkError } from '../util/errors.ts';
import { exists, readJson, writeFileAtomic } from '../util/files.ts';
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

export type RunState =
  | { readonly kind: 'new' }
  /** Stopped before its end; goes on from this step (0: before the first checkpoint). */
  | { readonly kind: 'part'; readonly step: number }
  | { readonly kind: 'finished'; readonly summary: TrainingSummary; readonly failure: Failure | undefined }
  | { readonly kind: 'failed'; readonly step: number; readonly failure: Failure }
  /** A process of this machine is training it now. */
  | { readonly kind: 'running'; readonly pid: number };

/** @throws FrameworkError `recipe/other-run` if the folder holds a run of another recipe */
export async function stateOf(run: SweepRun): Promise<RunState> {
  const { folder } = run;
  const pid = await livingProcess(run);
  if (pid !== undefined) return { kind: 'running', pid };
  const failure = (await optional(failurePath(run))) as Failure | undefined;
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
  const step = (await latestCheckpoint(folder.checkpoints))?.info.step ?? 0;
  return failure === undefined ? { kind: 'part', step } : { kind: 'failed', step, failure };
}

export async function recordFailure(run: SweepRun, failure: Failure): Promise<void> {
  await writeFileAtomic(failurePath(run), `${JSON.stringify(failure, null, 2)}\n`);
}

export async function clearFailure(run: SweepRun): Promise<void> {
  await rm(failurePath(run), { force: true });
}

/** Notes which process trains the run, so that no second one writes into its folder. */
export async function claim(run: SweepRun, pid: number): Promise<void> {
  await writeFileAtomic(processPath(run), `${JSON.stringify({ pid, host: hostname() })}\n`);
}

export async function release(run: SweepRun): Promise<void> {
  await rm(processPath(run), { force: true });
}

/** A claim of another machine cannot be checked; the scheduler that placed it there keeps two apart. */
async function livingProcess(run: SweepRun): Promise<number | undefined> {
  const claimed = (await optional(processPath(run))) as { pid: number; host: string } | undefined;
  if (claimed === undefined || claimed.host !== hostname()) return undefined;
  try {
    process.kill(claimed.pid, 0);
    return claimed.pid;
  } catch {
    return undefined; // it ended without cleaning up
  }
}

function failurePath(run: SweepRun): string {
  return join(run.folder.root, 'failure.json');
}

function processPath(run: SweepRun): string {
  return join(run.folder.root, 'process.json');
}

async function optional(path: string): Promise<unknown> {
  return (await exists(path)) ? readJson(path) : undefined;
}
