/** From a sweep to its table: what is left to do, who does it, what came of it. */
import { join } from 'node:path';
import { claim, claimSoon } from '../util/claim.ts';
import { FrameworkError, messageOf } from '../util/errors.ts';
import type { Target } from '../training/planning/fit.ts';
import { withTeacher } from '../training/weights/teacher.ts';
import { Board, type BoardStyle } from './board.ts';
import { costOf, stepsOf, trainingImages, type PointCost, type TrainingImages } from './cost.ts';
import {
  evaluationsMissing,
  executeRun,
  furtherBenchmarks,
  type Execution,
  type Outcome,
} from './execute.ts';
import { commandLauncher, launchAll, localLauncher } from './local.ts';
import { shellQuote, type Stopper } from './process.ts';
import { readResults } from './results.ts';
import type { SweepRun, SweepRuns } from './runs.ts';
import { submitArray, type ArrayJob } from './slurm.ts';
import { holderText, stateOf, type RunState } from './state.ts';
import { writeTables } from './table.ts';

export type Launcher =
  | { readonly kind: 'local' }
  | { readonly kind: 'command'; readonly template: string }
  | { readonly kind: 'slurm'; readonly leadSeconds: number; readonly options: readonly string[] };

export interface AblateRequest {
  readonly runs: SweepRuns;
  readonly execution: Execution;
  readonly launcher: Launcher;
  /** Runs at the same time; undefined: one here, as many as the scheduler likes there. */
  readonly jobs: number | undefined;
  readonly target: Target;
  readonly style: BoardStyle;
}

/** A run before it starts. */
export interface PlannedRun {
  readonly run: SweepRun;
  readonly state: RunState;
  readonly steps: number | undefined;
  readonly cost: PointCost | undefined;
  /** Why there is no cost, or why the number of steps is unknown. */
  readonly problem: string | undefined;
}

/** Tables of other sweeps in the same folder take so long at most. */
const TABLE_SECONDS = 30;

/** Plans every run; opens the training images for their number, and no device. */
export async function planSweep({ runs }: SweepRuns, target: Target): Promise<PlannedRun[]> {
  const images = new Map<string, TrainingImages>();
  const costs = new Map<string, Pick<PlannedRun, 'cost' | 'problem'>>();
  const planned: PlannedRun[] = [];
  for (const run of runs) {
    const { recipe, point } = run;
    const found = await trainingImages(recipe, images);
    const classes = recipe.model.classes ?? found.classes;
    let cost = costs.get(point.label);
    if (cost === undefined) {
      try {
        cost = {
          cost: costOf(recipe, await withTeacher(target, recipe, classes), classes),
          problem: found.problem,
        };
      } catch (error) {
        // The run itself may still fit its adapter; it will say so where it runs.
        cost = { cost: undefined, problem: messageOf(error) };
      }
      costs.set(point.label, cost);
    }
    planned.push({ run, state: await stateOf(run), steps: stepsOf(recipe, found), ...cost });
  }
  return planned;
}

export interface SweepOutcome {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** Files that were written. */
  readonly files: readonly string[];
  /** Lines for people: what was left out, what to do next. */
  readonly notes: readonly string[];
}

/** Runs what is not finished yet, then writes the tables of what is. */
export async function ablate(request: AblateRequest, stopper: Stopper): Promise<SweepOutcome> {
  const { runs, execution, launcher } = request;
  const planned = await planSweep(runs, request.target);
  const pending = planned
    .filter(({ run, state }) => !isDone(runs, run, state, execution))
    .map(({ run }) => run);
  const notes = notesOn(runs, execution);
  if (launcher.kind === 'slurm' && pending.length > 0) {
    const { id, script } = await submitOnce(runs, {
      name: `largekernel-${runs.sweep.name}`,
      folder: `${runs.root}/slurm`,
      cwd: process.cwd(),
      runs: pending.map((run) => run.id),
      atOnce: request.jobs,
      leadSeconds: launcher.leadSeconds,
      options: launcher.options,
      command: commandOf(runs, execution),
    });
    notes.push(
      `submitted ${pending.length} runs as job array ${id} (${script}); once they have ended, the same command makes the table`,
    );
    return { outcomes: new Map(), files: [], notes };
  }
  const board = boardOf(request, planned);
  const launch =
    launcher.kind === 'command'
      ? commandLauncher(
          runs,
          launcher.template,
          (run) => shellQuote([...commandOf(runs, execution), '--only', run.id]),
          stopper,
          board,
        )
      : localLauncher(runs, execution, stopper, board);
  const outcomes = await launchAll(pending, request.jobs ?? 1, launch, stopper, board);
  board.close();
  const files = await tabulate(runs, planned);
  const elsewhere = [...outcomes].flatMap(([id, outcome]) =>
    outcome.kind === 'elsewhere' ? [`${id} (${holderText(outcome.holder)})`] : [],
  );
  if (elsewhere.length > 0)
    notes.push(
      `left to other processes: ${elsewhere.join(', ')}; once they have ended, the same command makes the table`,
    );
  return { outcomes, files, notes };
}

/** Two submissions at once would both find the queue empty. */
async function submitOnce({ root }: SweepRuns, job: ArrayJob): ReturnType<typeof submitArray> {
  const held = await claim(join(root, 'slurm', 'claim.json'), 'submitting');
  try {
    return await submitArray(job);
  } finally {
    await held.release();
  }
}

/** One run of the sweep, as a launcher starts it elsewhere. No table: other runs may be going on. */
export async function ablateOnly(request: AblateRequest, id: string, stopper: Stopper): Promise<Outcome> {
  const { runs } = request;
  const run = runs.runs.find((other) => other.id === id);
  if (run === undefined) {
    throw new FrameworkError('cli/option', `${runs.sweep.name} has no run ${id}.`, {
      hint: `Its runs are ${runs.runs.map((other) => other.id).join(', ')}.`,
    });
  }
  const board = new Board(request.style, [run], new Map());
  const outcome = await executeRun(runs, run, request.execution, stopper, board);
  board.end(run, outcome);
  board.close();
  return outcome;
}

/** Writes the tables of what the run folders hold. */
export async function tabulate(runs: SweepRuns, planned: readonly PlannedRun[]): Promise<string[]> {
  const costs = new Map(
    planned.flatMap(({ run, cost }): [string, PointCost][] =>
      cost === undefined ? [] : [[run.point.label, cost]],
    ),
  );
  // Read and written in one: a sweep that read before another's last run ended would write the older table over the newer one.
  const held = await claimSoon(join(runs.root, 'claim.json'), 'writing the tables', TABLE_SECONDS);
  try {
    return await writeTables(runs, await readResults(runs, costs));
  } finally {
    await held.release();
  }
}

function isDone(runs: SweepRuns, run: SweepRun, state: RunState, execution: Execution): boolean {
  return (
    state.kind === 'finished' &&
    state.failure === undefined &&
    (!execution.hasBenchmarks || evaluationsMissing(runs, run).length === 0)
  );
}

function notesOn(runs: SweepRuns, { hasBenchmarks }: Execution): string[] {
  const further = furtherBenchmarks(runs);
  return further.length > 0 && !hasBenchmarks
    ? [`not measured: ${further.join(', ')}; \`largekernel evaluate\` has no --benchmarks`]
    : [];
}

/** The command line of one run, without the run. Paths are absolute, so it holds in any folder. */
function commandOf({ sweep, root, extra }: SweepRuns, execution: Execution): string[] {
  const { program, adapter, memoryGib, ranks, benchmarkData } = execution;
  return [
    ...program, 'ablate', sweep.file, '--out', root, '--adapter', adapter,
    ...(memoryGib === undefined ? [] : ['--memory', String(memoryGib)]),
    ...(ranks === undefined ? [] : ['--ranks', String(ranks)]),
    ...(benchmarkData === undefined ? [] : ['--benchmark-data', benchmarkData]),
    ...(execution.resume === true ? ['--resume'] : []),
    ...extra.flatMap((text) => ['--set', text]),
  ]; // prettier-ignore
}

function boardOf({ runs, style }: AblateRequest, planned: readonly PlannedRun[]): Board {
  const steps = new Map(planned.map(({ run, steps: count }) => [run.id, count]));
  const board = new Board(style, runs.runs, steps);
  for (const { run, state } of planned) {
    if (state.kind === 'finished')
      board.begin(run, 'finished', state.summary.step, state.summary.evaluations);
    if (state.kind === 'part') board.begin(run, 'waiting', state.step);
  }
  return board;
}
