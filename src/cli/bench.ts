import type { Command } from 'commander';
import type { OpRow } from '../bench/op-shapes.ts';
import { loadChecked } from '../training/effects.ts';
import { listImages } from '../training/evaluation/predict.ts';
import { say } from './say.ts';
import { FrameworkError } from '../util/errors.ts';
import { classCountOf } from '../training/data.ts';
import type { Mpi } from '../mpi/mpi.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { checkShards } from '../training/together.ts';
import { onlyWhen } from './conflicts.ts';
import { openShared } from './contexts.ts';
import { sharedByRanks } from './start-ranks.ts';
import { ADAPTERS, collect, positiveInteger, positiveNumber, tuneMode } from './train.ts';

/** One measurement, as the lines of `--json` have it. */
type Row = Readonly<Record<string, unknown>>;

/** `largekernel bench attack|corruptions|loader|ops|ranks|step`. */
export function addBench(command: Command): void {
  command
    .command('attack')
    .description('a step of PGD beside a forward pass of the same batch')
    .option('--model <name>', 'a model by name', 'resnet18')
    .option('--batch <n>', 'images at once', positiveInteger, 8)
    .option('--size <pixels>', 'side of the images (default: the model’s)', positiveInteger)
    .option('--turns <n>', 'the best of so many is taken', positiveInteger, 9)
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--json', 'one line of JSON on standard output')
    .action(attack);
  command
    .command('corruptions')
    .description('milliseconds per image of every corruption and perturbation, on one thread')
    .option('--size <pixels>', 'side of the image', positiveInteger, 224)
    .option('--repeats <n>', 'the best of so many is taken', positiveInteger, 3)
    .option('--json', 'one line of JSON a row on standard output')
    .action(corruptions);
  command
    .command('loader')
    .description('images in a second of one core from the file to the tensor, and how many cores a GPU needs')
    .requiredOption('--images <paths...>', 'image files, or folders of them, such as those trained on')
    .option('--count <n>', 'use so many of them, evenly spaced', positiveInteger, 16)
    .option('--rounds <n>', 'the median of so many is taken', positiveInteger, 5)
    .option('--gpu-rate <images/s>', 'training images the GPU takes in a second', positiveNumber)
    .option('--json', 'one line of JSON a row on standard output')
    .action(loader);
  command
    .command('ops')
    .description('rates of kernels at the shapes of the models')
    .argument('[set]', 'depthwise, matmul, norm, conv or rest (default: all)')
    .option('--filter <text>', 'only shapes and passes with this in their names, such as k=51')
    .option('--turns <n>', 'the median of so many is taken', positiveInteger, 9)
    .option('--all', 'every way to compute an op, not only the one that is chosen without tuning')
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--json', 'one line of JSON a row on standard output')
    .action(ops);
  command
    .command('step')
    .description('time training steps of a recipe on made-up images')
    .requiredOption('--recipe <name|file>', 'a recipe by name or a YAML file')
    .option('--set <key=value>', 'change a value of the recipe; may be given many times', collect, [])
    .option('--batch <n>', 'images of one micro-batch', positiveInteger)
    .option('--steps <n>', 'timed steps', positiveInteger, 5)
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--memory <gib>', 'device memory that may be used', positiveNumber)
    .option('--tune', 'first find the fastest kernels for this adapter, where none are stored')
    .option('--no-tune', 'leave out what `largekernel tune` has stored')
    .option('--profile', 'time each kernel of the step alone as well')
    .option(
      '--versus <key=value>',
      'also the recipe so changed, a step of each in turn; may be given many times',
      collect,
      [],
    )
    .option('--json', 'one line of JSON on standard output')
    .action(step);
  command
    .command('ranks')
    .description(
      'sums of gradients over ranks beside MPI_Allreduce, and steps whose gradient travels in buckets',
    )
    .requiredOption('--recipe <name|file>', 'a recipe by name or a YAML file; its batch.shards are shared')
    .option('--set <key=value>', 'change a value of the recipe; may be given many times', collect, [])
    .option('--ranks <n>', 'so many processes on this machine (starts mpirun)', positiveInteger)
    .option('--turns <n>', 'the median of so many is taken', positiveInteger, 5)
    .option('--mib <size>', 'of the sums', positiveInteger, 16)
    .option('--bucket-kib <size>', 'of a bucket at most (default: 4096)', positiveInteger)
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--json', 'one line of JSON a row on standard output')
    .action((options: RanksOptions) =>
      sharedByRanks(options.ranks, {
        use: (ranks, mpi) => benchRanks(options, ranks, mpi),
        check: async () => {
          checkShards((await loadChecked(options.recipe, options.set)).recipe, options.ranks ?? 1);
        },
        keeps: false,
      }),
    );
  const stepCommand = command.commands.find((each) => each.name() === 'step');
  if (stepCommand) onlyWhen(stepCommand, 'without --versus', ['--profile'], ({ has }) => !has('--versus'));
}

interface AttackOptions {
  readonly model: string;
  readonly batch: number;
  readonly size?: number;
  readonly turns: number;
  readonly adapter: string;
  readonly json?: boolean;
}

async function attack(options: AttackOptions): Promise<void> {
  const { benchAttack } = await import('../bench/attack.ts');
  print([{ ...(await benchAttack(options)) }], options);
}

async function corruptions(options: { size: number; repeats: number; json?: boolean }): Promise<void> {
  const { benchCorruptions } = await import('../bench/corruptions.ts');
  const rows = await benchCorruptions(options);
  print(
    rows.map(({ set, name, msPerImage, msSlowest, repeats }) => ({
      set,
      name,
      'ms/image': msPerImage,
      'slowest ms': msSlowest,
      'images/s': 1000 / msPerImage,
      size: options.size,
      repeats,
    })),
    options,
  );
}

interface LoaderOptions {
  readonly images: readonly string[];
  readonly count: number;
  readonly rounds: number;
  readonly gpuRate?: number;
  readonly json?: boolean;
}

async function loader(options: LoaderOptions): Promise<void> {
  const { gpuRate, count, rounds } = options;
  const all = await listImages(options.images, say);
  const n = Math.min(count, all.length);
  const files = Array.from({ length: n }, (_, i) => all[Math.floor((i * all.length) / n)] ?? '');
  const { benchAugment } = await import('../bench/augment.ts');
  const rows = await benchAugment(files, rounds);
  print(
    rows.map(({ stage, imagesPerSecond, range: [slowest, fastest] }) => ({
      stage,
      'images/s': imagesPerSecond,
      slowest,
      fastest,
      ...(gpuRate === undefined ? {} : { [`cores for ${gpuRate}/s`]: Math.ceil(gpuRate / imagesPerSecond) }),
    })),
    options,
  );
}

interface RanksOptions {
  readonly recipe: string;
  readonly set: readonly string[];
  readonly ranks?: number;
  readonly turns: number;
  readonly mib: number;
  readonly bucketKib?: number;
  readonly adapter: string;
  readonly json?: boolean;
}

async function benchRanks(
  options: RanksOptions,
  ranks: Ranks | undefined,
  mpi: Mpi | undefined,
): Promise<void> {
  const loaded = await loadChecked(options.recipe, options.set);
  if (ranks === undefined || mpi === undefined)
    throw new FrameworkError('cli/option', 'bench ranks measures several processes, and this is one alone.', {
      hint: 'Add --ranks 2, or start it by mpirun or srun.',
    });
  checkShards(loaded.recipe, ranks.size);
  const { benchReduction, benchSharedSteps } = await import('../bench/ranks.ts');
  const device = await openShared(options.adapter, ranks, {});
  try {
    const { turns, mib, bucketKib } = options;
    const classes = classCountOf(loaded.recipe);
    const bucketElems = bucketKib === undefined ? {} : { bucketElems: bucketKib * 256 };
    print(
      [
        ...(await benchReduction(device, ranks, mpi, mib * 2 ** 18, turns)),
        ...(await benchSharedSteps(device, ranks, loaded, { classes, turns, ...bucketElems })),
      ].map((row) => ({ ...row })),
      options,
    );
  } finally {
    device.close();
  }
}

interface OpsOptions {
  readonly adapter: string;
  readonly filter?: string;
  readonly turns: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

async function ops(set: string | undefined, options: OpsOptions): Promise<void> {
  const { OP_SETS } = await import('../bench/op-shapes.ts');
  const names = Object.keys(OP_SETS) as (keyof typeof OP_SETS)[];
  const found = names.find((name) => name === set);
  if (set !== undefined && found === undefined)
    throw new FrameworkError('cli/option', `There is no set of kernels ${set}.`, {
      hint: `There are ${names.join(', ')}.`,
    });
  const sets = (found === undefined ? names : [found]).map((name): readonly OpRow[] => OP_SETS[name]);
  const isWanted = ({ label, pass }: OpRow) => `${label} ${pass}`.includes(options.filter ?? '');
  if (!sets.flat().some(isWanted))
    throw new FrameworkError('cli/option', `No shape has ${options.filter ?? ''} in its name.`, {
      hint: `They are ${[...new Set(sets.flat().map(({ label }) => label))].join(', ')}.`,
    });
  const { benchOps } = await import('../bench/ops.ts');
  // A table for each set, as soon as it is there.
  for (const rows of sets.map((all) => all.filter(isWanted)).filter(({ length }) => length > 0)) {
    const timings: Row[] = [];
    for await (const timing of benchOps(rows, { ...options, all: options.all === true })) {
      if (options.json) process.stdout.write(`${JSON.stringify(timing)}\n`);
      else timings.push({ ...timing });
    }
    if (!options.json) print(timings, {});
  }
}

interface StepOptions {
  readonly recipe: string;
  readonly set: readonly string[];
  readonly batch?: number;
  readonly steps: number;
  readonly adapter: string;
  readonly memory?: number;
  readonly tune?: boolean;
  readonly profile?: boolean;
  readonly versus: readonly string[];
  readonly json?: boolean;
}

async function step(options: StepOptions): Promise<void> {
  const loaded = await loadChecked(options.recipe, options.set);
  const { adapter, steps, batch: micro, memory: memoryGib, profile } = options;
  const classes = classCountOf(loaded.recipe);
  const { benchStep, compareSteps } = await import('../bench/step.ts');
  const settings = {
    adapter,
    steps,
    micro,
    memoryGib,
    classes,
    profile,
    tuning: tuneMode(options.tune),
  };
  if (options.versus.length > 0) {
    const recipes = [{ label: options.recipe, loaded }];
    for (const change of options.versus)
      recipes.push({
        label: `${options.recipe} ${change}`,
        loaded: await loadChecked(options.recipe, [...options.set, change]),
      });
    print(
      (await compareSteps(recipes, settings)).map((row) => ({ ...row })),
      options,
    );
    return;
  }
  const timing = await benchStep(loaded, settings);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(timing)}\n`);
    return;
  }
  const { kernels, ...whole } = timing;
  for (const [key, value] of Object.entries(whole)) process.stdout.write(`${key.padEnd(16)}${cell(value)}\n`);
  if (kernels === undefined) return;
  process.stdout.write('\n');
  print(
    kernels.map((row) => ({ ...row })),
    {},
  );
}

/** Rows as lines of JSON, or as a table with the columns of all rows. */
function print(rows: readonly Row[], { json }: { json?: boolean }): void {
  if (json) {
    for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
    return;
  }
  const header = [...new Set(rows.flatMap(Object.keys))];
  const table = [header, ...rows.map((row) => header.map((key) => cell(row[key])))];
  const widths = header.map((_, i) => Math.max(...table.map((line) => line[i]?.length ?? 0)));
  const isNumber = header.map((key) => rows.every((row) => typeof (row[key] ?? 0) === 'number'));
  for (const line of table) {
    const cells = line.map((text, i) =>
      isNumber[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0),
    );
    process.stdout.write(`${cells.join('  ').trimEnd()}\n`);
  }
}

/** Four digits of a number that is not whole. */
function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value);
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}
