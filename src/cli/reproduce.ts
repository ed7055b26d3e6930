import type { Command } from 'commander';
import { join, resolve } from 'node:path';
import { openDataset } from '../data/datasets.ts';
import type { NamedRow } from '../paper/models.ts';
import { fullPlan } from '../paper/reproduce/full.ts';
import { ITEMS, itemsOf, type Item } from '../paper/reproduce/items.ts';
import { doneSteps, runSteps } from '../paper/reproduce/run.ts';
import { smallSteps } from '../paper/reproduce/small.ts';
import type { Step } from '../paper/work/step.ts';
import { datasetOf } from '../training/data.ts';
import { loadRecipe } from '../recipe/load.ts';
import type { Recipe } from '../recipe/schema.ts';
import { Stopper } from '../sweeps/process.ts';
import { CARDS } from '../training/planning/cards.ts';
import { duration } from '../training/log/reporter.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { existsNow, isFolder } from '../util/files.ts';
import { onlyWhen } from './conflicts.ts';
import { EXIT_INTERRUPTED } from './errors.ts';
import { onStopRequests } from './interrupt.ts';
import { PARENT_VARIABLE } from './onlookers.ts';
import { PAPER_TITLE, namedRow, paper, writerOf } from './paper.ts';
import { printPlan } from './reproduce-plan.ts';
import { ADAPTERS, positiveInteger } from './train.ts';

interface Options {
  readonly data?: string;
  readonly weights: string;
  readonly data22k?: string;
  readonly small?: boolean;
  readonly images?: number;
  readonly epochs?: number;
  readonly folder?: string;
  readonly out?: readonly string[];
  readonly row: readonly NamedRow[];
  readonly adapter: string;
  readonly for?: string;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
}

/** `largekernel reproduce`: everything a table or figure takes, by the other commands, then the page. */
export function addReproduce(command: Command): void {
  const ids = ITEMS.map(({ id }) => id).join(', ');
  command
    .argument('<item>', `all, or one of ${ids}`)
    .option('--data <folder>', 'the benchmarks as downloaded, with train and val; with --small CIFAR-10')
    .option(
      '--weights <folder>',
      'official files of weights, under the names they were released with',
      'weights',
    )
    .option('--data22k <folder>', 'ImageNet-22k, one folder for each class, where a model is trained on it')
    .option('--small', 'a rehearsal: small models on CIFAR-10, in hours on two processor cores')
    .option(
      '--images <n>',
      'of --small: images of each benchmark and analysis; P takes an eighth, transfer a tenth (default: 50)',
      positiveInteger,
    )
    .option('--epochs <n>', 'of --small: epochs of each run (default: 3)', positiveInteger)
    .option(
      '--folder <folder>',
      'journal, log and the runs of --small (default: runs/reproduce, runs/rehearsal)',
    )
    .option('--out <file...>', 'the page, as `paper` takes it (default: <folder>/paper.html)')
    .option('--row <name=sha256>', 'weights that are a row of a paper, as `paper` takes it', namedRow, [])
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--for <card>', `costs on this card, not as measured here: ${Object.keys(CARDS).join(', ')}`)
    .option('--dry-run', 'list the commands with their hours; run nothing')
    .option('--detach', 'go on when the terminal closes or the process that started this one has ended')
    .option('--json', 'with --dry-run: JSON on standard output')
    .action(reproduce);
  onlyWhen(command, 'with --small', ['--images', '--epochs'], ({ has }) => has('--small'));
  onlyWhen(command, 'without --small', ['--weights', '--data22k', '--row'], ({ has }) => !has('--small'));
  onlyWhen(command, 'with --dry-run', ['--json'], ({ has }) => has('--dry-run'));
  onlyWhen(command, 'without --dry-run', ['--out', '--detach'], ({ has }) => !has('--dry-run'));
}

interface Plan {
  readonly steps: readonly Step[];
  readonly named: readonly NamedRow[];
  readonly missing: readonly string[];
}

async function reproduce(name: string, options: Options): Promise<void> {
  const items = itemsOf(name);
  const folder = options.folder ?? join('runs', options.small === true ? 'rehearsal' : 'reproduce');
  const out = options.out ?? [join(folder, 'paper.html')];
  out.forEach(writerOf);
  const plan =
    options.small === true ? await smallPlan(items, folder, options) : await bigPlan(items, options);
  for (const file of plan.missing) process.stderr.write(`not there, so its rows are left out: ${file}\n`);
  if (options.dryRun === true) return printPlan(plan.steps, await doneSteps(folder, plan.steps), options);
  if (plan.steps.length === 0)
    throw new FrameworkError('cli/option', `Nothing of ${name} can be run.`, {
      hint:
        options.small === true
          ? 'It needs ImageNet’s classes, which small models do not have.'
          : 'Put the official files into --weights, under the names they were released with.',
    });
  await run(plan, folder, out, options);
}

async function run(plan: Plan, folder: string, out: readonly string[], options: Options): Promise<void> {
  const stopper = new Stopper();
  onStopRequests({
    detach: options.detach === true,
    asked: (why) => {
      process.stderr.write(`\n${why}: the command under way saves and ends; once more to stop at once\n`);
      stopper.stop();
    },
    again: () => {
      stopper.stop();
    },
  });
  const began = performance.now();
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const { files, exitCode } = await runSteps({
    ...{ folder, steps: plan.steps, stopper },
    program: [process.execPath, defined(process.argv[1], 'the program')],
    environment: { ...process.env, [PARENT_VARIABLE]: String(process.pid) },
    onStep: ({ title }, index) => {
      say(
        `${index + 1} of ${plan.steps.length}, after ${duration((performance.now() - began) / 1000)}: ${title}`,
      );
    },
    onFailure: ({ title }, words) => {
      say(`failed: ${title}: ${words}`);
    },
  });
  if (stopper.stopped || exitCode === EXIT_INTERRUPTED) {
    say('stopped; the same command goes on from here');
    process.exitCode = EXIT_INTERRUPTED;
    return;
  }
  if (exitCode !== 0) process.exitCode = exitCode;
  const results = options.small === true ? [folder] : [...files, ...runsOf(plan.steps)];
  const named = [...plan.named, ...options.row];
  await paper(results, { out, title: PAPER_TITLE, row: named, for: options.for ?? 'h200' });
}

/** Folders of the runs that were trained; a training that failed may have left none. */
function runsOf(steps: readonly Step[]): string[] {
  return steps.flatMap(({ run }) => (run !== undefined && existsNow(run) ? [run] : []));
}

function adapterWords({ adapter }: Options): string[] {
  return adapter === 'auto' ? [] : ['--adapter', adapter];
}

async function smallPlan(items: readonly Item[], folder: string, options: Options): Promise<Plan> {
  const data = resolve(
    needed(options.data, '--data', 'the folder of CIFAR-10; `largekernel data fetch cifar10` gets it'),
  );
  const { recipe } = await loadRecipe('cifar10-convnext-k7', [`data.root=${JSON.stringify(data)}`]);
  const [training, count] = [await lengthOf(recipe, 'train'), await lengthOf(recipe, 'val')];
  const { images = 50, epochs } = options;
  const steps = await smallSteps({
    items,
    data,
    out: folder,
    images,
    epochs,
    training,
    count,
    common: adapterWords(options),
  });
  return { steps, named: [], missing: [] };
}

async function lengthOf(recipe: Recipe, split: 'train' | 'val'): Promise<number> {
  const dataset = await openDataset(datasetOf(recipe, split));
  await dataset.close();
  return dataset.length;
}

async function bigPlan(items: readonly Item[], options: Options): Promise<Plan> {
  const data = resolve(
    needed(options.data, '--data', 'the folder that holds the benchmarks as downloaded, with train and val'),
  );
  const places = {
    ...{ data, weights: options.weights, runs: 'runs', common: adapterWords(options) },
    data22k: options.data22k === undefined ? '$DATA22K' : resolve(options.data22k),
  };
  const plan = await fullPlan({ items, places });
  const uses22k = plan.steps.some(({ command }) => command.includes(places.data22k));
  if (options.data22k !== undefined && !uses22k)
    throw new FrameworkError(
      'cli/option',
      '--data22k was given, but nothing here is trained on ImageNet-22k.',
      {
        hint: 'Leave it out.',
      },
    );
  if (!(await isFolder(data))) {
    if (options.dryRun === true) process.stderr.write(`not there yet: --data ${data}\n`);
    else
      throw new FrameworkError('data/not-found', `--data ${data} is no folder that can be read.`, {
        hint: 'Name the folder that holds the benchmarks as downloaded, with train and val.',
      });
  }
  if (uses22k && options.data22k === undefined && options.dryRun !== true)
    throw new FrameworkError(
      'cli/option',
      'A model is to be trained on ImageNet-22k, and its folder was not given.',
      {
        hint: 'Add --data22k, the folder with one folder for each of its classes.',
      },
    );
  return plan;
}

function needed(value: string | undefined, flag: string, what: string): string {
  if (value !== undefined) return value;
  throw new FrameworkError('cli/option', `${flag} was not given.`, { hint: `It is ${what}.` });
}
