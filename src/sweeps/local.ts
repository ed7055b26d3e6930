/** Launchers that this process waits for: runs as its own processes, or through a command such as `srun`. */
import { join } from 'node:path';
import type { Board } from './board.ts';
import { EXIT_SAVED, executeRun, type Execution, type Outcome, type Watcher } from './execute.ts';
import { runProcess, type Stopper } from './process.ts';
import type { SweepRun, SweepRuns } from './runs.ts';
import { recordFailure, stateOf, sweepClaim, type Failure } from './state.ts';
import { holderOf } from '../util/claim.ts';
import { messageOf } from '../util/errors.ts';

export type Launch = (run: SweepRun) => Promise<Outcome>;

/** At most `jobs` runs at a time, in order. A run that fails does not keep the others from running. */
export async function launchAll(
  pending: readonly SweepRun[],
  jobs: number,
  launch: Launch,
  stopper: Stopper,
  board: Board,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const queue = [...pending];
  const worker = async () => {
    for (let run = queue.shift(); run !== undefined && !stopper.stopped; run = queue.shift()) {
      const outcome = await guarded(run, launch);
      outcomes.set(run.id, outcome);
      board.end(run, outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, pending.length) }, worker));
  return outcomes;
}

/** An error that keeps a run from starting counts as that run's failure. */
async function guarded(run: SweepRun, launch: Launch): Promise<Outcome> {
  try {
    return await launch(run);
  } catch (error) {
    return {
      kind: 'failed',
      failure: { stage: 'launch', exitCode: null, signal: null, message: messageOf(error) },
    };
  }
}

export function localLauncher(
  runs: SweepRuns,
  execution: Execution,
  stopper: Stopper,
  watcher: Watcher,
): Launch {
  return (run) => executeRun(runs, run, execution, stopper, watcher);
}

/**
 * Runs a command of the user's for each run: `{command}` stands for the command line of the run, `{name}` for its name. The command may
 * wait for the run (`srun {command}`) or hand it to a queue (`qsub … {command}`): the run's folder says which.
 * @param commandOf the command line of one run, quoted for a shell
 */
export function commandLauncher(
  { sweep }: SweepRuns,
  template: string,
  commandOf: (run: SweepRun) => string,
  stopper: Stopper,
  watcher: Watcher,
): Launch {
  return async (run) => {
    watcher.stage(run, 'launched');
    const line = fillTemplate(template, commandOf(run), `${sweep.name}-${run.id}`);
    const ended = await runProcess(
      { command: [line], shell: true, log: join(run.folder.root, 'launch.log') },
      stopper,
    );
    const holder = (await holderOf(run.folder.claim)) ?? (await holderOf(sweepClaim(run)));
    if (holder !== undefined && ended.exitCode !== 0) return { kind: 'elsewhere', holder };
    const state = await stateOf(run);
    if (state.kind === 'finished' && state.failure === undefined) return { kind: 'finished' };
    if (state.kind === 'finished' || state.kind === 'failed') {
      const recorded = state.failure;
      if (recorded !== undefined) return { kind: 'failed', failure: recorded };
    }
    if (ended.exitCode === EXIT_SAVED || stopper.stopped) return { kind: 'interrupted' };
    if (ended.exitCode === 0) return { kind: 'submitted' };
    const { exitCode, signal, errors } = ended;
    const failure: Failure = { stage: 'launch', exitCode, signal, message: errors };
    await recordFailure(run, failure);
    return { kind: 'failed', failure };
  };
}

export function fillTemplate(template: string, command: string, name: string): string {
  return template.replaceAll('{command}', () => command).replaceAll('{name}', () => name);
}
