import { join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { DatasetSpec } from '../data/dataset.ts';
import { DATASETS, namedDataset, openDataset } from '../data/datasets.ts';
import { startCrew } from '../robustness/benchmarks/crew/crew.ts';
import { exportC, exportP, type ExportOptions } from '../robustness/benchmarks/crew/export.ts';
import type { Difficulty, Severity } from '../robustness/corruptions/types.ts';
import { changeOptions, variantsOf } from './benchmark-options.ts';
import { onlyWhen } from './conflicts.ts';
import { isWithin } from './files.ts';
import { untilInterrupted } from './interrupt.ts';
import { ProgressLine } from './progress-line.ts';
import { positiveInteger } from './train.ts';
import { FrameworkError } from '../util/errors.ts';
import { existsNow } from '../util/files.ts';

interface Options {
  readonly data: string;
  readonly dataset?: string;
  readonly split: string;
  readonly out: string;
  readonly set: 'c' | 'c-bar' | 'p';
  readonly size: number;
  readonly limit?: number;
  readonly corruptions?: readonly string[];
  readonly severities?: readonly Severity[];
  readonly difficulty: Difficulty;
  readonly seed: number;
  readonly workers: number;
  readonly json?: boolean;
}

/** `largekernel corrupt`: ImageNet-C, -C-bar or -P of any images, as files in the layout of the releases. */
export function addCorrupt(command: Command): void {
  command
    .requiredOption('--data <folder|name>', 'images in one folder per class, or a data set that is built in')
    .option('--dataset <name>', 'the data set in --data, where it is no folder of classes: cifar10, …')
    .option('--split <name>', 'which part of it; . is --data itself', 'val')
    .requiredOption('--out <folder>', 'where to write; files that are there are kept')
    .option(
      '--set <letter>',
      'c or c-bar: corruptions at five severities (JPEG); p: clips (MP4, needs ffmpeg)',
      letter,
      'c',
    )
    .option('--size <pixels>', 'side of the images; smaller ones keep theirs', positiveInteger, 224)
    .option('--limit <n>', 'at most so many images, evenly spaced', positiveInteger);
  changeOptions(command).option('--json', 'JSON on standard output').action(run);
  onlyWhen(command, 'with --set c or c-bar', ['--severities'], ({ value }) => value('--set') !== 'p');
  onlyWhen(command, 'with --set p', ['--difficulty'], ({ value }) => value('--set') === 'p');
}

function letter(text: string): 'c' | 'c-bar' | 'p' {
  const lower = text.toLowerCase();
  if (lower !== 'c' && lower !== 'c-bar' && lower !== 'p')
    throw new InvalidArgumentError('c, c-bar or p is wanted.');
  return lower;
}

async function run(options: Options): Promise<void> {
  const spec = specOf(options);
  checkOutside(options, spec);
  const names = variantsOf([options.set], options.corruptions);
  const dataset = await openDataset(spec);
  const crew = startCrew(options.workers);
  const line = new ProgressLine(options.json === true);
  const exporting: ExportOptions = {
    seed: options.seed,
    size: options.size,
    difficulty: options.difficulty,
    selection: { limit: options.limit },
    threads: { crew, spec },
    onProgress: ({ done, kept, total }) => line.show(options.out, { done, before: kept, total }, 0),
    names,
    ...(options.severities === undefined ? {} : { severities: options.severities }),
  };
  const write = options.set === 'p' ? exportP : exportC;
  try {
    await untilInterrupted(async (signal) => {
      const { written, kept, failures } = await write(dataset, options.out, { ...exporting, signal });
      line.clear();
      for (const { key, message } of failures) process.stderr.write(`left out: ${key}: ${message}\n`);
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ out: options.out, written, kept, failures })}\n`
          : `${written} files written, ${kept} were there, ${failures.length} left out: ${options.out}\n`,
      );
      if (failures.length > 0) process.exitCode = 3;
    });
  } finally {
    line.clear();
    await crew.close();
    await dataset.close();
  }
}

/** Images that are written among those that are read would be taken for some of them. */
function checkOutside({ data, out }: Options, { kind, root, split }: DatasetSpec): void {
  const isAmong = kind === 'folder' && isWithin(out, join(root, split));
  if (!isAmong && !(isWithin(out, data) && isWithin(data, out))) return;
  throw new FrameworkError('cli/option', `--out ${out} lies among the images of --data ${data}.`, {
    hint: 'Name a folder outside, or beside the splits.',
  });
}

function specOf({ data, dataset, split }: Options): DatasetSpec {
  if (dataset !== undefined) return namedDataset(dataset, split, { root: data });
  if (Object.hasOwn(DATASETS, data) && !existsNow(data)) return namedDataset(data, split);
  return { kind: 'folder', root: data, split };
}
