import { InvalidArgumentError, type Command } from 'commander';
import { join, resolve } from 'node:path';
import { openDevice } from '../device/open.ts';
import {
  ablate,
  ablateOnly,
  planSweep,
  tabulate,
  type AblateRequest,
  type Launcher,
} from '../sweeps/ablate.ts';
import type { Outcome } from '../sweeps/execute.ts';
import { Stopper } from '../sweeps/process.ts';
import { expandSweep } from '../sweeps/runs.ts';
import { checkSbatchOptions } from '../sweeps/slurm.ts';
import { listSweeps, loadSweep } from '../sweeps/sweep.ts';
import { targetOf } from '../training/planning/fit.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { noEffect } from '../training/effects.ts';
import { onlyWhen, type Given } from './conflicts.ts';
import { dryRun } from './ablate-dry-run.ts';
import { EXIT_CODES, EXIT_INTERRUPTED } from './errors.ts';
import { onStopRequests } from './interrupt.ts';
import { PARENT_VARIABLE } from './onlookers.ts';
import { ADAPTERS, collect, integerUpTo, positiveNumber } from './train.ts';

interface Options {
  readonly data?: string;
  readonly benchmarkData?: string;
  readonly out?: string;
  readonly set: readonly string[];
  readonly jobs?: number;
  readonly launcher: string;
  readonly sbatch: readonly string[];
  readonly lead: number;
  readonly adapter?: string;
  readonly memory?: number;
  readonly ranks?: number;
  readonly only?: string;
  readonly table?: boolean;
  readonly dryRun?: boolean;
  readonly resume?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `largekernel ablate`: all runs of a sweep, then its table. */
export function addAblate(command: Command): void {
  command
    .argument('[sweep]', 'a sweep by name or a YAML file; without it, the sweeps are listed')
    .argument('[template]', 'of --launcher command: a command line with {command}, and {name} if you like')
    .option('--data <folder>', 'the training data, in place of data.root')
    .option('--benchmark-data <folder>', 'the benchmarks’ images')
    .option('--out <folder>', 'folder of the runs and the table (default: runs/sweeps/<sweep>)')
    .option('--set <key=value>', 'change a value of all runs; may be given many times', collect, [])
    .option('--jobs <n>', 'runs at the same time (default: 1; on a cluster: no limit)', integerUpTo(1000))
    .option('--launcher <kind>', 'local, slurm or command', 'local')
    .option(
      '--sbatch <option>',
      'an option for sbatch: --sbatch=--gres=gpu:1; may be given many times',
      collect,
      [],
    )
    .option('--lead <seconds>', 'of slurm: save so long before the time limit', integerUpTo(86_400), 300)
    .option('--adapter <name>', ADAPTERS)
    .option('--memory <gib>', 'device memory that a run may use', positiveNumber)
    .option('--ranks <n>', 'processes that train one run together, over MPI', integerUpTo(4096))
    .option('--only <run>', 'one run of the sweep, without the table', onlyOne)
    .option('--table', 'make the table of what is there; run nothing')
    .option('--dry-run', 'list the runs with their cost and try each up to its first step; run nothing')
    .option('--resume', 'where a run’s newest checkpoint is damaged, go on from the one before')
    .option('--detach', 'go on when the terminal closes or the process that started this one has ended')
    .option('--json', 'JSON on standard output')
    .option('--quiet', 'errors only')
    .action((sweep: string | undefined, template: string | undefined, options: Options) =>
      run(sweep, template, options),
    );
  const of = (words: string, flags: string[], holds: (given: Given) => boolean) =>
    onlyWhen(command, words, flags, holds);
  const flags = command.options.map(({ long }) => long ?? '');
  of('with a sweep', flags, ({ args }) => args.length > 0);
  of('with --launcher slurm', ['--lead', '--sbatch'], ({ value }) => value('--launcher') === 'slurm');
  const runs = ({ has }: Given) => !has('--table') && !has('--dry-run');
  of(
    'where runs are started',
    ['--only', '--jobs', '--launcher', '--ranks', '--benchmark-data', '--resume', '--detach'],
    runs,
  );
  of('where several runs are started', ['--jobs', '--launcher'], ({ has }) => !has('--only'));
  of('without --dry-run', ['--table'], ({ has }) => !has('--dry-run'));
  of('without --json', ['--quiet'], ({ has }) => !has('--json'));
}

function onlyOne(run: string, before: string | undefined): string {
  if (before === undefined) return run;
  throw new InvalidArgumentError(`${before} was given before; each call runs one.`);
}

async function run(name: string | undefined, template: string | undefined, options: Options): Promise<void> {
  if (name === undefined) return list();
  const launcher = launcherOf(options, template);
  const sweep = await loadSweep(name);
  if (options.data !== undefined && options.set.some((text) => text.split('=', 1)[0]?.trim() === 'data.root'))
    throw noEffect('command line', 'data.root', '--data takes its place');
  // Absolute, so that runs find it wherever they are launched.
  const data = options.data === undefined ? [] : [`data.root=${JSON.stringify(resolve(options.data))}`];
  const runs = await expandSweep(sweep, options.out ?? join('runs', 'sweeps', sweep.name), [
    ...options.set,
    ...data,
  ]);
  const request: AblateRequest = {
    runs,
    execution: {
      program: [process.execPath, defined(process.argv[1], 'the program')],
      adapter: options.adapter ?? 'auto',
      memoryGib: options.memory,
      ranks: options.ranks,
      resume: options.resume === true,
      benchmarkData: options.benchmarkData === undefined ? undefined : resolve(options.benchmarkData),
      hasBenchmarks: true,
      environment: { ...process.env, [PARENT_VARIABLE]: String(process.pid) },
    },
    launcher,
    jobs: options.jobs,
    target: await planTarget(options),
    style: options.quiet || options.json ? 'quiet' : process.stderr.isTTY ? 'terminal' : 'lines',
  };
  if (options.dryRun) return dryRun(request, options.json === true);
  if (options.table) return printFiles(await tabulate(runs, await planSweep(runs, request.target)), options);
  const stopper = new Stopper();
  onStopRequests({
    detach: options.detach === true,
    asked: (why) => {
      process.stderr.write(`\n${why}: the runs finish their steps and save; once more to stop at once\n`);
      stopper.stop();
    },
    again: () => {
      stopper.stop();
    },
  });
  if (options.only !== undefined) {
    setExitCode([await ablateOnly(request, options.only, stopper)]);
    return;
  }
  const { outcomes, files, notes } = await ablate(request, stopper);
  for (const note of notes) process.stderr.write(`${note}\n`);
  printFiles(files, options);
  setExitCode([...outcomes.values()], stopper.stopped);
}

function launcherOf({ launcher, sbatch, lead }: Options, template: string | undefined): Launcher {
  if (launcher !== 'command' && template !== undefined) {
    throw new FrameworkError('cli/option', `${template} was given besides the sweep.`, {
      hint: 'A command line belongs to --launcher command.',
    });
  }
  if (launcher !== 'slurm' && sbatch.length > 0)
    throw new FrameworkError('cli/option', `--sbatch was given with --launcher ${launcher}.`, {
      hint: 'It belongs to --launcher slurm.',
    });
  switch (launcher) {
    case 'local':
      return { kind: 'local' };
    case 'slurm':
      checkSbatchOptions(sbatch);
      return { kind: 'slurm', leadSeconds: lead, options: sbatch };
    case 'command':
      if (template?.includes('{command}') !== true) {
        throw new FrameworkError('cli/option', '--launcher command needs a command line with {command}.', {
          hint: "For example: largekernel ablate table7 --launcher command 'srun --gres=gpu:1 {command}'.",
        });
      }
      return { kind: 'command', template };
    default:
      throw new FrameworkError('cli/option', `--launcher takes local, slurm or command, got ${launcher}.`);
  }
}

/** Costs are planned for the limits of the adapter that was asked for, or those every adapter has. */
async function planTarget({ adapter, memory, only }: Options): Promise<AblateRequest['target']> {
  if (adapter === undefined || only !== undefined) return targetOf(undefined, memory);
  const device = await openDevice(adapter);
  try {
    return targetOf(device, memory);
  } finally {
    device.close();
  }
}

async function list(): Promise<void> {
  for (const name of await listSweeps())
    process.stdout.write(`${name.padEnd(18)}${(await loadSweep(name)).description}\n`);
}

function printFiles(files: readonly string[], { json, quiet }: Options): void {
  if (json) process.stdout.write(`${JSON.stringify({ files })}\n`);
  else if (!quiet) for (const file of files) process.stdout.write(`${file}\n`);
}

/** The exit code of the first run that failed; 75 if some were asked to stop, 9 if some were left to other processes. */
function setExitCode(outcomes: readonly Outcome[], stopped = false): void {
  const failure = outcomes.find((outcome) => outcome.kind === 'failed')?.failure;
  if (stopped || outcomes.some(({ kind }) => kind === 'interrupted')) process.exitCode = EXIT_INTERRUPTED;
  else if (failure !== undefined) process.exitCode = failure.exitCode ?? 1;
  else if (outcomes.some(({ kind }) => kind === 'elsewhere')) process.exitCode = EXIT_CODES['held'];
}
