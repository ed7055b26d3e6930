import { planSweep, type AblateRequest, type PlannedRun } from '../sweeps/ablate.ts';
import { checkRuns, type TrainingCheck } from '../training/dry-run.ts';
import { duration, makeReporter } from '../training/log/reporter.ts';
import { FrameworkError } from '../util/errors.ts';
import { describeError, exitCodeOf } from './errors.ts';
import { ProgressLine } from './progress-line.ts';

/** `ablate --dry-run`: the runs with their cost, then each that is not finished as far as its first step. */
export async function dryRun(request: AblateRequest, asJson: boolean): Promise<void> {
  const { runs, target, jobs } = request;
  const planned = await planSweep(runs, target);
  if (asJson) {
    const checks = await tryRuns(request, planned);
    const rows = planned.map(({ run: { id, point, seed, overrides, folder }, ...rest }) => ({
      id,
      point: point.label,
      seed,
      overrides,
      folder: folder.root,
      ...rest,
      check: plainCheck(checks.get(id)),
    }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    setExitCode(checks);
    return;
  }
  const header = ['run', 'state', 'steps', 'memory', 'micro-batch', 'MACs live', 'nominal', 'one step'];
  const rows = [header, ...planned.map(planRow)];
  const widths = header.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of rows)
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
  process.stdout.write(`${planned.length} runs, ${jobs ?? 1} at a time, in ${runs.root}\n`);
  for (const problem of new Set(planned.flatMap(({ problem }) => problem ?? [])))
    process.stderr.write(`note: ${problem}\n`);
  const checks = await tryRuns(request, planned);
  for (const [id, check] of checks)
    if (check instanceof FrameworkError) process.stderr.write(`${id}: ${describeError(check)}\n`);
  const bad = setExitCode(checks);
  process.stdout.write(
    `${checks.size - bad} of ${checks.size} runs were tried up to their first step and are ready${timeText([...checks.values()])}\n`,
  );
}

/** Total of the runs that can start, one after the other. */
function timeText(checks: readonly (TrainingCheck | FrameworkError)[]): string {
  const seconds = checks.reduce(
    (sum, check) => sum + (check instanceof FrameworkError ? 0 : check.seconds),
    0,
  );
  return seconds === 0
    ? ''
    : `: about ${duration(seconds)} on this adapter, one after the other, by the time of forward passes`;
}

type Checks = ReadonlyMap<string, TrainingCheck | FrameworkError>;

/** Tries every run that has steps left and that no process holds. */
async function tryRuns(
  { runs: { sweep }, execution: { adapter, memoryGib }, style }: AblateRequest,
  planned: readonly PlannedRun[],
): Promise<Checks> {
  const open = planned.filter(({ state }) => state.kind !== 'finished' && state.kind !== 'running');
  const requests = open.map(({ run: { overrides, folder } }) => ({
    recipe: sweep.recipe,
    overrides,
    data: undefined,
    out: folder.root,
    init: undefined,
    resume: false,
    maxSteps: undefined,
    adapter,
    memoryGib,
  }));
  const line = new ProgressLine(style === 'quiet');
  if (requests.length === 0) return new Map();
  const checks = await checkRuns(requests, adapter, makeReporter('quiet'), (index) => {
    line.show(`trying ${open[index]?.run.id ?? ''}`, { done: index, before: 0, total: requests.length }, 0);
  });
  line.clear();
  return new Map(checks.map((check, i) => [open[i]?.run.id ?? '', check]));
}

/** @returns how many cannot start; the exit code is that of the first */
function setExitCode(checks: Checks): number {
  const bad = [...checks.values()].filter((check) => check instanceof FrameworkError);
  if (bad.length > 0) process.exitCode = exitCodeOf(bad[0]);
  return bad.length;
}

function plainCheck(check: TrainingCheck | FrameworkError | undefined): unknown {
  if (!(check instanceof FrameworkError)) return check ?? null;
  return { error: check.code, message: check.message, hint: check.hint ?? null };
}

function planRow({ run: { id, recipe }, state, steps, cost }: PlannedRun): string[] {
  const short = (count: number) =>
    count < 1e9
      ? `${(count / 1e6).toPrecision(4)} M`
      : count < 1e12
        ? `${(count / 1e9).toPrecision(4)} G`
        : `${(count / 1e12).toPrecision(4)} T`;
  return [
    id,
    state.kind === 'part' ? `part, step ${state.step}` : state.kind,
    steps === undefined ? `${recipe.schedule.epochs} epochs` : String(steps),
    ...(cost === undefined
      ? ['?', '?', '?', '?', '?']
      : [
          `${(cost.memoryBytes / 2 ** 30).toFixed(2)} GiB`,
          String(cost.micro),
          short(cost.macs.live),
          short(cost.macs.nominal),
          short(cost.stepMacs.live),
        ]),
  ];
}
