/** One run of a sweep in processes of its own: training, then the evaluations. */
import { join } from 'node:path';
import { listCheckpoints } from '../training/run/checkpoints.ts';
import type { MetricsRecord } from '../training/log/metrics-log.ts';
import { Claim, EVALUATION_CLAIM, holderOf, tryClaim, type SeenHolder } from '../util/claim.ts';
import { runProcess, type Ended, type Stopper } from './process.ts';
import type { SweepRun, SweepRuns } from './runs.ts';
import { clearFailure, heldStateOf, recordFailure, sweepClaim, type Failure } from './state.ts';
import { existsNow } from '../util/files.ts';

/** Exit code of a run that was asked to stop and has saved. */
export const EXIT_SAVED = 75;
/** Exit code of a command whose folder another process holds. */
export const EXIT_HELD = 9;

/** How runs are started. */
export interface Execution {
  /** The program and its first arguments: `[node, bin/largekernel]`. */
  readonly program: readonly string[];
  readonly adapter: string;
  readonly memoryGib: number | undefined;
  /** Processes that train one run together. Default: one. */
  readonly ranks?: number | undefined;
  /** Go on from the checkpoint before a damaged one. */
  readonly resume?: boolean;
  /** Folder that holds the benchmarks' images. */
  readonly benchmarkData: string | undefined;
  /** Whether `evaluate` takes --benchmarks. */
  readonly hasBenchmarks: boolean;
  /** Environment of the runs' processes: tells them to end with this one. */
  readonly environment: NodeJS.ProcessEnv;
}

export type Outcome =
  | { readonly kind: 'finished' }
  | { readonly kind: 'interrupted' }
  /** Given to a scheduler, which has not begun or not ended it. */
  | { readonly kind: 'submitted' }
  /** Another process trains or evaluates it: another sweep in this folder, or `train`. */
  | { readonly kind: 'elsewhere'; readonly holder: SeenHolder }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What a run tells while it goes on. */
export interface Watcher {
  record(run: SweepRun, record: MetricsRecord): void;
  stage(run: SweepRun, stage: string): void;
}

/** The command line that trains a run. @param begun it has a checkpoint */
export function trainCommand(
  sweepRecipe: string,
  run: SweepRun,
  execution: Execution,
  begun = false,
): string[] {
  const { program, adapter, memoryGib, ranks } = execution;
  return [
    ...program, 'train', '--recipe', sweepRecipe, '--out', run.folder.root, '--json', '--adapter', adapter,
    ...(memoryGib === undefined ? [] : ['--memory', String(memoryGib)]),
    ...(ranks === undefined ? [] : ['--ranks', String(ranks)]),
    ...(begun && execution.resume === true ? ['--resume'] : []),
    ...run.overrides.flatMap((text) => ['--set', text]),
  ]; // prettier-ignore
}

/** Where the results of a run's benchmarks lie. */
export function evaluationFolder(run: SweepRun, weights: 'raw' | 'ema'): string {
  return join(run.folder.root, 'evaluations', weights);
}

/** Benchmarks of a sweep that the run itself does not measure. */
export function furtherBenchmarks({ sweep }: SweepRuns): string[] {
  return sweep.evaluations.filter((id) => id !== 'val');
}

/** Benchmarks of a finished run that are not evaluated yet. */
export function evaluationsMissing(
  runs: SweepRuns,
  run: SweepRun,
): { weights: 'raw' | 'ema'; missing: string[] }[] {
  const hasAverages = run.recipe.ema !== null && run.recipe.evaluation.ema;
  return (hasAverages ? (['raw', 'ema'] as const) : (['raw'] as const)).flatMap((weights) => {
    const missing = furtherBenchmarks(runs).filter(
      (id) => !existsNow(join(evaluationFolder(run, weights), id, 'result.json')),
    );
    return missing.length === 0 ? [] : [{ weights, missing }];
  });
}

/**
 * Trains one run to its end, or to a request to stop, and evaluates it. A failure is recorded in the run's folder. Of several sweeps
 * that share a folder one executes it, the others are told who.
 * @throws FrameworkError where nothing can be run: another recipe's folder
 */
export async function executeRun(
  runs: SweepRuns,
  run: SweepRun,
  execution: Execution,
  stopper: Stopper,
  watcher: Watcher,
): Promise<Outcome> {
  const held = await tryClaim(sweepClaim(run), 'a sweep’s run');
  if (!(held instanceof Claim)) return { kind: 'elsewhere', holder: held };
  try {
    const holder = await holderOf(run.folder.claim);
    if (holder !== undefined) return { kind: 'elsewhere', holder };
    return await executeHeld(runs, run, execution, stopper, watcher);
  } finally {
    await held.release();
  }
}

async function executeHeld(
  runs: SweepRuns,
  run: SweepRun,
  execution: Execution,
  stopper: Stopper,
  watcher: Watcher,
): Promise<Outcome> {
  // Another sweep may have finished it since this one began.
  const state = await heldStateOf(run);
  await clearFailure(run);
  if (state.kind !== 'finished') {
    watcher.stage(run, 'training');
    const ended = await trainProcess(runs, run, execution, stopper, watcher);
    const outcome = await outcomeOf(run, ended, 'train', stopper, [run.folder.claim]);
    if (outcome.kind !== 'finished') return outcome;
    if ((await heldStateOf(run)).kind !== 'finished')
      return failed(
        run,
        { ...ended, errors: 'the process ended well, but the run is not finished' },
        'train',
      );
  }
  return evaluate(runs, run, execution, stopper, watcher);
}

async function trainProcess(
  { sweep }: SweepRuns,
  run: SweepRun,
  execution: Execution,
  stopper: Stopper,
  watcher: Watcher,
): Promise<Ended> {
  const begun = (await listCheckpoints(run.folder.checkpoints)).length > 0;
  const job = {
    command: trainCommand(sweep.recipe, run, execution, begun),
    environment: execution.environment,
    log: join(run.folder.root, 'train.log'),
    onLine: (line: string) => {
      const record = parseRecord(line);
      if (record !== undefined) watcher.record(run, record);
    },
  };
  return runProcess(job, stopper);
}

function parseRecord(line: string): MetricsRecord | undefined {
  try {
    return JSON.parse(line) as MetricsRecord;
  } catch {
    return undefined; // a line cut short by a kill
  }
}

async function evaluate(
  runs: SweepRuns,
  run: SweepRun,
  execution: Execution,
  stopper: Stopper,
  watcher: Watcher,
): Promise<Outcome> {
  if (!execution.hasBenchmarks) return { kind: 'finished' };
  for (const { weights, missing } of evaluationsMissing(runs, run)) {
    if (stopper.stopped) return { kind: 'interrupted' };
    watcher.stage(run, `evaluating ${missing.join(', ')} (${weights})`);
    const command = evaluateCommand(run, weights, missing, execution);
    const { environment } = execution;
    const log = join(run.folder.root, 'evaluate.log');
    const ended = await runProcess({ command, environment, log }, stopper);
    const claims = missing.map((id) => join(evaluationFolder(run, weights), id, EVALUATION_CLAIM));
    const outcome = await outcomeOf(run, ended, 'evaluate', stopper, claims);
    if (outcome.kind !== 'finished') return outcome;
  }
  return { kind: 'finished' };
}

/** The command line that evaluates a finished run on benchmarks. */
export function evaluateCommand(
  run: SweepRun,
  weights: 'raw' | 'ema',
  benchmarks: readonly string[],
  { program, adapter, benchmarkData }: Execution,
): string[] {
  return [
    ...program, 'evaluate', '--checkpoint', run.folder.root, ...(weights === 'ema' ? ['--ema'] : []),
    '--benchmarks', benchmarks.join(','), '--out', evaluationFolder(run, weights), '--adapter', adapter,
    ...(benchmarkData === undefined ? [] : ['--data-root', benchmarkData]),
  ]; // prettier-ignore
}

/**
 * 75 says that the run saved; a signal that the sweep sent itself loses nothing but the steps since the last checkpoint.
 * @param claims of the folders that the command writes
 */
async function outcomeOf(
  run: SweepRun,
  ended: Ended,
  stage: Failure['stage'],
  stopper: Stopper,
  claims: readonly string[],
): Promise<Outcome> {
  if (ended.exitCode === 0) return { kind: 'finished' };
  if (ended.exitCode === EXIT_SAVED || (stopper.stopped && ended.signal === 'SIGTERM'))
    return { kind: 'interrupted' };
  if (ended.exitCode === EXIT_HELD) {
    for (const path of claims) {
      const holder = await holderOf(path);
      if (holder !== undefined) return { kind: 'elsewhere', holder };
    }
  }
  return failed(run, ended, stage);
}

async function failed(
  run: SweepRun,
  { exitCode, signal, errors }: Ended,
  stage: Failure['stage'],
): Promise<Outcome> {
  const failure: Failure = { stage, exitCode, signal, message: errors };
  await recordFailure(run, failure);
  return { kind: 'failed', failure };
}
