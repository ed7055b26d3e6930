import { InvalidArgumentError, type Command } from 'commander';
import type { Ranks } from '../mpi/ranks.ts';
import { duration, makeReporter, reporterOfRank, type Style } from '../training/log/reporter.ts';
import { checkTraining, describeCheck } from '../training/dry-run.ts';
import { checkRanks, startTraining, type TrainRequest, type TrainResult } from '../training/start.ts';
import type { TuneMode } from '../training/planning/tuned-plan.ts';
import { onlyWhen } from './conflicts.ts';
import { EXIT_INTERRUPTED } from './errors.ts';
import { endBySignal } from '../device/leaving.ts';
import { endInterrupted } from './interrupt.ts';
import { asRank, onStopRequestsOfRank } from './ranks.ts';
import { startRanks } from './start-ranks.ts';

interface Options {
  readonly recipe: string;
  readonly data?: string;
  readonly out?: string;
  readonly set: readonly string[];
  readonly init?: string;
  readonly entry?: string;
  readonly resume?: boolean;
  readonly maxSteps?: number;
  readonly adapter: string;
  readonly memory?: number;
  readonly ranks?: number;
  readonly tune?: boolean;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `largekernel train`, also reached as `train`. */
export function addTrain(command: Command): void {
  command
    .requiredOption(
      '--recipe <name|file>',
      'a recipe by name (`largekernel recipes` lists them) or a YAML file',
    )
    .option('--data <folder>', 'the data set, in place of data.root')
    .option('--out <folder>', 'the run folder (default: runs/<recipe>)')
    .option('--set <key=value>', 'change a value of the recipe; may be given many times', collect, [])
    .option(
      '--init <file>',
      'start from these weights: .safetensors, .pth, .npz, a run folder, or a name as convnext-t@official',
    )
    .option('--entry <name>', 'which set of weights of --init, where the file holds several')
    .option('--resume', 'insist on going on with an earlier run')
    .option('--max-steps <n>', 'stop after so many optimiser steps in all', positiveInteger)
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--memory <gib>', 'device memory that may be used', positiveNumber)
    .option(
      '--ranks <n>',
      'train with so many processes on this machine (starts mpirun); 1: alone, whatever started this',
      positiveInteger,
    )
    .option('--tune', 'first find the fastest kernels for this adapter, where none are stored')
    .option('--no-tune', 'leave out what `largekernel tune` has stored')
    .option('--dry-run', 'stop before the first step, and say what would happen; nothing is written')
    .option('--detach', 'train on when the terminal closes or the process that started this one has ended')
    .option('--json', 'one line of JSON for every step and evaluation on standard output')
    .option('--quiet', 'errors only')
    .action(run);
  onlyWhen(command, 'without --json', ['--quiet'], ({ has }) => !has('--json'));
  onlyWhen(command, 'without --dry-run', ['--detach', '--ranks'], ({ has }) => !has('--dry-run'));
}

/** What `--adapter` takes. */
export const ADAPTERS = 'auto, gpu, gpu:1, lavapipe, swiftshader or part of an adapter’s name';

export function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('a whole number of at least 1 is wanted.');
  return value;
}

/** A whole number from 1 to `most`: more would exhaust the machine, and is a slip. */
export function integerUpTo(most: number): (text: string) => number {
  return (text) => {
    const value = positiveInteger(text);
    if (value > most) throw new InvalidArgumentError(`at most ${most} is possible.`);
    return value;
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0 is wanted.');
  return value;
}

/** `--tune`, `--no-tune`, or neither: what is stored is used. */
export function tuneMode(tune: boolean | undefined): TuneMode {
  return tune === undefined ? 'stored' : tune ? 'missing' : 'off';
}

export function styleOf({ json, quiet }: { readonly json?: boolean; readonly quiet?: boolean }): Style {
  if (json) return 'json';
  if (quiet) return 'quiet';
  return process.stderr.isTTY ? 'terminal' : 'lines';
}

async function run(options: Options): Promise<void> {
  if (options.dryRun) {
    const check = await checkTraining(requestOf(options), makeReporter(styleOf(options)));
    process.stdout.write(options.json ? `${JSON.stringify(check)}\n` : describeCheck(check));
  } else if (options.ranks === 1) await runAs(options, undefined, []);
  else if (options.ranks !== undefined) {
    const { ranks, detach } = options;
    await startRanks(ranks, detach === true, () => checkRanks(requestOf(options), ranks));
  } else await asRank((ranks, about) => runAs(options, ranks, about));
}

/** Trains alone, or as one of several ranks, of which the first speaks for all. */
async function runAs(options: Options, ranks: Ranks | undefined, about: readonly string[]): Promise<void> {
  const isFirst = ranks?.isFirst ?? true;
  const reporter = isFirst ? makeReporter(styleOf(options)) : reporterOfRank(ranks?.rank ?? 0);
  for (const line of about) reporter.note(line);
  let isAsked = false;
  const steps = new StepTimes();
  const off = onStopRequestsOfRank(ranks, {
    detach: options.detach === true,
    asked: (why) => {
      isAsked = true;
      if (isFirst) process.stderr.write(`\n${why}: ${steps.whatFollows()}\n`);
      if (!steps.hasNews) void endInterrupted(why); // there is nothing to save
    },
    again: endBySignal,
  });
  const result = await startTraining(
    requestOf(options),
    {
      ...reporter,
      progress(state) {
        steps.add(state.step);
        reporter.progress(state);
      },
    },
    () => isAsked,
    undefined,
    ranks,
  ).finally(off);
  if (isFirst && !options.json && !options.quiet) process.stderr.write(`\n${summaryTable(result)}`);
  if (result.summary.outcome === 'interrupted') process.exitCode = EXIT_INTERRUPTED;
}

function requestOf(options: Options): TrainRequest {
  const { recipe, set: overrides, data, out, init, entry, resume, maxSteps, adapter, memory, tune } = options;
  return {
    recipe,
    overrides,
    data,
    out,
    init,
    entry,
    resume: resume === true,
    maxSteps,
    adapter,
    memoryGib: memory,
    tuning: tuneMode(tune),
  };
}

/** When steps ended, for those who ask the run to stop. */
class StepTimes {
  private first: { step: number; ms: number } | undefined;
  private last: { step: number; ms: number } | undefined;

  add(step: number): void {
    this.last = { step, ms: performance.now() };
    this.first ??= this.last;
  }

  /** Whether this process has done a step, so that there is something to save. */
  get hasNews(): boolean {
    return this.last !== undefined;
  }

  whatFollows(): string {
    const { first, last } = this;
    if (first === undefined || last === undefined)
      return 'no step has ended since the start, so there is nothing to save';
    const each = (last.ms - first.ms) / 1000 / Math.max(1, last.step - first.step);
    const about = each > 1 ? ` (a step takes ${duration(each)})` : '';
    return `stopping after step ${last.step}, or the one under way${about}, and saving; once more to stop at once`;
  }
}

/** The table a run ends with. */
export function summaryTable({ recipe, folder, summary }: TrainResult): string {
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
  const first = summary.firstStepSeconds;
  const withoutFirst =
    first === undefined ? '' : ` without the first step (${first.toFixed(1)} s, with compilation)`;
  const rows: [string, string][] = [
    ['recipe', recipe.name],
    ['outcome', `${summary.outcome} after step ${summary.step} of ${summary.steps}`],
    ['time', `${duration(summary.seconds)}, ${summary.imagesPerSecond.toFixed(1)} images/s${withoutFirst}`],
  ];
  for (const weights of ['raw', 'ema'] as const) {
    const result = summary.evaluations[weights];
    if (result === undefined) continue;
    rows.push([
      weights === 'raw' ? 'raw weights' : 'averaged weights',
      `top-1 ${percent(result.top1)}, top-5 ${percent(result.top5)}, loss ${result.loss.toFixed(4)} on ${result.count} images`,
    ]);
  }
  if (summary.best !== null)
    rows.push([
      'best',
      `top-1 ${percent(summary.best.top1)} after step ${summary.best.step} (${summary.best.weights})`,
    ]);
  rows.push(['run folder', folder.root]);
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${value}\n`).join('');
}
