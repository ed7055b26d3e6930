import type { Command } from 'commander';
import { join } from 'node:path';
import { DATASETS, namedDataset, openDataset } from '../data/datasets.ts';
import type { ClassList, ClassTarget, DatasetKind, DatasetSpec } from '../data/dataset.ts';
import { DOWNLOADS, fetchDataset } from '../data/fetch.ts';
import { leftOut } from '../data/left-out.ts';
import { otherFormat } from '../data/other-formats.ts';
import { verifyDataset } from '../data/verify.ts';
import { describeClasses } from '../training/classes.ts';
import { FrameworkError } from '../util/errors.ts';
import { existsNow } from '../util/files.ts';
import { ProgressLine } from './progress-line.ts';
import { underWay } from './say.ts';

interface Options {
  readonly data?: string;
  readonly split?: string;
  readonly format?: string;
  readonly classes: string;
  readonly json?: boolean;
}

/** `largekernel data list|verify|fetch`. */
export function addData(command: Command): void {
  command.command('list').description('the data sets known by name').action(list);
  command
    .command('verify')
    .description('count images, decode every one, and show how classes map to labels')
    .argument(
      '[dataset]',
      'a data set by name (`largekernel data list`; default: what the files of --data are)',
    )
    .option('--data <folder>', 'where it is')
    .option('--split <name>', 'which part (default: train, or the folder itself where it has none)')
    .option('--format <kind>', 'folder, imagenet-tar, webdataset, parquet, …')
    .option('--classes <list>', 'as data.classes of a recipe: folders, imagenet-1k, …, or a file', 'auto')
    .option('--json', 'JSON on standard output')
    .action(verify);
  command
    .command('fetch')
    .description(`download from the makers and check: ${Object.keys(DOWNLOADS).join(', ')}`)
    .argument('<dataset>')
    .option('--root <folder>', 'where to put it', 'datasets')
    .option('--from <address>', 'a mirror’s address, in place of the makers’ own')
    .action(fetch);
}

function list(): void {
  const width = Math.max(...Object.keys(DATASETS).map((name) => name.length));
  for (const [name, { description }] of Object.entries(DATASETS))
    process.stdout.write(`${name.padEnd(width)}  ${description}\n`);
}

async function verify(named: string | undefined, given: Options): Promise<void> {
  const { name, ...options } = await whatIsMeant(named, given);
  const spec = await labelledSpec(name, options);
  const dataset = await openDataset(spec);
  const lines = describeClasses(dataset, classesName(spec.classes) ?? dataset.name, options.classes);
  await dataset.close();
  const line = new ProgressLine(options.json === true);
  const report = await verifyDataset(spec, (done, total) => {
    line.show('images', { done, before: 0, total }, 0);
  });
  line.clear();
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else {
    process.stdout.write(
      `${report.name}: ${report.images} images, ${report.classes.length} classes, ${report.emptyClasses} of them without images\n`,
    );
    for (const { label, id, name: title, images } of report.classes) {
      const shown = id === title ? id : `${id}  ${title}`;
      if (images > 0) process.stdout.write(`  ${String(label).padStart(4)}  ${shown}: ${images}\n`);
    }
    for (const line of lines) process.stdout.write(`${line}\n`);
    for (const { key, message } of report.unreadable)
      process.stdout.write(`unreadable: ${key}: ${message}\n`);
    for (const id of report.unreadableClasses)
      process.stdout.write(`no image of the class ${id} can be read\n`);
    const doubled = report.duplicateClasses.map((path) => ({ kind: 'duplicate class', path }) as const);
    for (const line of leftOut(report.name, [...report.notes, ...doubled])) process.stdout.write(`${line}\n`);
  }
  if (report.unreadable.length > 0) {
    throw new FrameworkError(
      'data/unreadable',
      `${report.unreadable.length} of ${report.images} images cannot be read.`,
      {
        hint: 'Restore them, or train with --set data.onError=skip.',
      },
    );
  }
}

/** Without a name: the data set that the files of `--data` are of, or folders of classes, with or without splits. */
async function whatIsMeant(
  named: string | undefined,
  options: Options,
): Promise<Options & { readonly name: string }> {
  if (named !== undefined) return { ...options, name: named };
  const { data } = options;
  if (data === undefined)
    throw new FrameworkError('cli/option', 'Neither a data set nor --data was given.', {
      hint: `Add --data <folder>, or one of ${Object.keys(DATASETS).join(', ')}.`,
    });
  const other = await otherFormat(data);
  const format = options.format ?? other?.format;
  const hasSplits = other !== undefined || format !== undefined || existsNow(join(data, 'train'));
  return {
    ...options,
    name: other?.dataset ?? 'image-folder',
    split: options.split ?? (hasSplits ? 'train' : '.'),
    ...(format === undefined ? {} : { format }),
  };
}

/** A split as training would label it: the others count in the classes of `train`. */
async function labelledSpec(name: string, options: Options): Promise<DatasetSpec> {
  const { data: root, format, classes, split = 'train' } = options;
  const of = (part: string, target: string | ClassList) =>
    namedDataset(name, part, {
      ...(root === undefined ? {} : { root }),
      ...(format === undefined ? {} : { kind: format as DatasetKind }),
      classes: target,
    });
  const spec = of(split, classes);
  if (split === 'train' || split === '.' || typeof spec.classes === 'object') return spec;
  const train = await openDataset(of('train', classes)).catch((error: unknown) => {
    if (!(error instanceof FrameworkError)) throw error;
    process.stderr.write(
      `the classes of train are not known (${error.message}); those of ${split} are shown\n`,
    );
    return undefined;
  });
  if (train === undefined) return spec;
  await train.close();
  return of(split, { name: train.name, classes: train.classes });
}

function classesName(target: ClassTarget | undefined): string | undefined {
  return typeof target === 'object' ? target.name : undefined;
}

async function fetch(name: string, options: { root: string; from?: string }): Promise<void> {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  let have = 'connecting';
  const onProgress = (bytes: number, total: number | undefined) => {
    have = `${megabytes(bytes)}${total === undefined ? '' : ` of ${megabytes(total)}`}`;
  };
  const folder = await underWay(
    () => `fetching ${name}: ${have}`,
    () =>
      fetchDataset(name, options.root, {
        onProgress,
        ...(options.from !== undefined && { baseUrl: options.from }),
      }),
  );
  process.stdout.write(`${name} is in ${folder}: train with --data ${folder}\n`);
}
