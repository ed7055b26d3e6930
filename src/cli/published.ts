import { InvalidArgumentError, type Command } from 'commander';
import { createModel } from '../models/registry.ts';
import { elems } from '../ops/tensor.ts';
import { cachedPath, fetchedAs, pretrainedFile } from '../training/weights/pretrained.ts';
import { PUBLISHED, publishedAs } from '../training/weights/published/list.ts';
import type { PublishedWeights } from '../training/weights/published/record.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import { columns } from './columns.ts';

interface Options {
  readonly fetch?: boolean;
  readonly json?: boolean;
}

/** What `largekernel weights` says of published weights. */
interface Row extends PublishedWeights {
  /** Of the file in the cache; before it is there, about what its parameters take. */
  readonly bytes: number;
  readonly isFetched: boolean;
  /** Of the whole file, once it was fetched. */
  readonly recordedSha256: string | null;
  readonly path: string;
}

/** `largekernel weights`: the public checkpoints that commands take by name. */
export function addWeights(command: Command): void {
  command
    .argument('[names...]', 'models or names, for details: resnet50, convnext-t@official', collectWeights)
    .option('--fetch', 'fetch them into the cache now, for machines that cannot when they are used')
    .option('--json', 'JSON on standard output')
    .action(show);
}

/** Of a model all that are published, of a name those. */
function collectWeights(text: string, before: readonly PublishedWeights[] = []): readonly PublishedWeights[] {
  const ofModel = PUBLISHED.filter(({ model }) => model === text);
  const named = publishedAs(text);
  const found = named === undefined ? ofModel : [named];
  if (found.length > 0) return [...before, ...found];
  const near = nearest(text, [...new Set(PUBLISHED.flatMap(({ model, name }) => [model, name]))]);
  throw new InvalidArgumentError(
    `of ${text} no published weights are known.${near === undefined ? '' : ` Did you mean ${near}?`}`,
  );
}

async function show(names: readonly PublishedWeights[], { fetch, json }: Options): Promise<void> {
  const chosen = names.length > 0 ? names : PUBLISHED;
  if (fetch && names.length === 0)
    throw new FrameworkError('cli/option', '--fetch was given, but no name of what is to be fetched.');
  if (fetch) for (const weights of chosen) await pretrainedFile(weights);
  const rows: Row[] = [];
  for (const weights of chosen) rows.push(await rowOf(weights));
  if (json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else process.stdout.write(names.length > 0 ? rows.map(details).join('\n') : overview(rows));
}

async function rowOf(weights: PublishedWeights): Promise<Row> {
  const fetched = await fetchedAs(weights);
  return {
    ...weights,
    bytes: fetched?.bytes ?? aboutBytes(weights),
    isFetched: fetched !== undefined,
    recordedSha256: fetched?.sha256 ?? null,
    path: cachedPath(weights),
  };
}

/** 32 bits for each number of a state dict, which is nearly all of such a file. */
function aboutBytes({ model, classes }: PublishedWeights): number {
  const { parameters } = createModel(model, classes === 0 ? {} : { classes });
  return 4 * parameters.reduce((sum, { shape }) => sum + elems(shape), 0);
}

function overview(rows: readonly Row[]): string {
  return columns(
    rows.map((row): [string, string] => [
      row.name,
      [accuracy(row), row.about, size(row), row.licence, checksum(row), row.file, address(row)].join('; '),
    ]),
    process.stdout.columns,
  );
}

function details(row: Row): string {
  const { name, file, about, licence, set, source, path } = row;
  const lines: [string, string][] = [
    [name, file],
    ['  trained on', about],
    ['  top-1', accuracy(row)],
    ['  size', size(row)],
    ['  licence', licence],
    ['  address', address(row)],
    ['  source', source],
    ['  checksum', checksum(row)],
    ...(set.length > 0 ? [['  settings', set.join(' ')] as [string, string]] : []),
    [row.isFetched ? '  fetched to' : '  will lie at', path],
  ];
  return columns(lines, process.stdout.columns);
}

function accuracy({ top1 }: Row): string {
  return top1 === null ? 'no accuracy on ImageNet-1k' : `${top1.percent} % (${top1.images})`;
}

function size({ bytes, isFetched }: Row): string {
  const megabytes = `${(bytes / 1e6).toFixed(0)} MB`;
  return isFetched ? `${megabytes}, fetched` : `about ${megabytes}`;
}

function address({ address, isVerified }: Row): string {
  return isVerified ? address : `${address} (derived from the link in its source, not verified)`;
}

function checksum({ sha256, recordedSha256 }: Row): string {
  if (recordedSha256 !== null) return `SHA-256 ${recordedSha256}`;
  return sha256 === undefined ? 'SHA-256 not published, recorded when fetched' : `SHA-256 ${sha256}…`;
}
