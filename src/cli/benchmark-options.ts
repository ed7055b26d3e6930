/** The options of `evaluate --benchmarks` and `corrupt`. */
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { InvalidArgumentError, type Command } from 'commander';
import { MOST_WORKERS } from '../recipe/schema.ts';
import { checkNames, chooseBenchmarks } from '../robustness/benchmarks/evaluation/suite.ts';
import { BENCHMARKS } from '../robustness/benchmarks/records.ts';
import { BAR_CORRUPTIONS } from '../robustness/corruptions/bar.ts';
import { CORRUPTIONS } from '../robustness/corruptions/registry.ts';
import { PERTURBATIONS } from '../robustness/corruptions/sequences.ts';
import type { Difficulty, Severity } from '../robustness/corruptions/types.ts';
import { FrameworkError } from '../util/errors.ts';
import { onlyWhen } from './conflicts.ts';
import { integerUpTo, positiveInteger } from './train.ts';

export const SUBSET = 'val-subset-5k';

/** Options of `evaluate --benchmarks` besides those of the weights. */
export interface BenchmarkOptions {
  readonly checkpoint: string;
  readonly ema?: boolean;
  readonly batch: number;
  readonly json?: boolean;
  readonly data?: string;
  readonly split?: string;
  readonly benchmarks: string;
  readonly dataRoot?: string;
  readonly generate?: boolean;
  readonly limit?: number;
  readonly subset?: string;
  readonly severities?: readonly Severity[];
  readonly corruptions?: readonly string[];
  readonly difficulty: Difficulty;
  readonly storedSize?: number;
  /** Commander's name for --no-jpeg. */
  readonly jpeg: boolean;
  readonly known?: string;
  readonly near?: string;
  readonly far?: string;
  readonly seed: number;
  readonly workers: number;
  readonly out?: string;
  readonly dryRun?: boolean;
}

/** Options of `evaluate` that belong to the benchmarks alone. */
export const BENCHMARK_FLAGS = [
  '--data-root', '--generate', '--limit', '--subset', '--corruptions', '--severities', '--difficulty', '--seed',
  '--workers', '--no-jpeg', '--stored-size', '--out', '--dry-run',
]; // prettier-ignore

/** Options that concern some of the benchmarks alone, and those. */
const OF_BENCHMARKS: readonly (readonly [flags: readonly string[], ids: readonly string[]])[] = [
  [['--known', '--near', '--far'], ['ood']],
  [
    ['--generate', '--corruptions'],
    ['c', 'c-bar', 'p'],
  ],
  [
    ['--severities', '--no-jpeg'],
    ['c', 'c-bar'],
  ],
  [['--difficulty'], ['p']],
  [['--stored-size'], ['c', '9', 'stylized']],
];

/** Declares which options need which benchmarks, or that images are generated. */
export function benchmarkConditions(command: Command): void {
  for (const [flags, ids] of OF_BENCHMARKS)
    onlyWhen(command, `with ${ids.join(' or ')} among --benchmarks`, flags, ({ value }) => {
      const list = (value('--benchmarks') ?? '') as string;
      const asked = list.split(',').map((id) => id.trim().toLowerCase());
      return asked.some((id) => id === 'all' || ids.includes(id));
    });
  onlyWhen(command, 'with --generate', ['--seed', '--no-jpeg'], ({ has }) => has('--generate'));
}

/** What `--corruptions` may name, by benchmark. */
const VARIANTS: Readonly<Record<string, readonly { readonly name: string }[]>> = {
  c: CORRUPTIONS,
  'c-bar': BAR_CORRUPTIONS,
  p: PERTURBATIONS,
};

/**
 * The corruptions and perturbations of some benchmarks, or those of them that are asked for.
 * @throws FrameworkError `cli/option` for one that none of the benchmarks has
 */
export function variantsOf(ids: readonly string[], asked: readonly string[] | undefined): readonly string[] {
  const all = ids.flatMap((id) => VARIANTS[id] ?? []).map(({ name }) => name);
  const stranger = asked?.find((name) => !all.includes(name));
  if (stranger === undefined) return asked ?? all;
  throw new FrameworkError('cli/option', `${stranger} was asked for, which none of ${ids.join(', ')} has.`, {
    hint: `There are ${all.join(', ')}.`,
  });
}

/** Checks what can be checked before weights are read. @throws FrameworkError `cli/option`, `evaluate/…` */
export async function checkBenchmarks({
  benchmarks,
  corruptions,
  dataRoot,
}: BenchmarkOptions): Promise<void> {
  variantsOf(
    chooseBenchmarks(benchmarks).map(({ id }) => id),
    corruptions,
  );
  await checkFolder(dataRoot);
}

/** A misspelt --data-root is one mistake, not a missing download for every benchmark. */
async function checkFolder(root: string | undefined): Promise<void> {
  if (root === undefined || (await stat(root).catch(() => undefined))?.isDirectory()) return;
  throw new FrameworkError('data/not-found', `--data-root ${root} is no folder that can be read.`, {
    hint: 'Name the folder that holds imagenet-a, imagenet-c, val and so on as they were downloaded.',
  });
}

/** Adds the options of the benchmarks to `evaluate`. */
export function benchmarkOptions(command: Command): Command {
  const ids = BENCHMARKS.map(({ id }) => id).join(', ');
  command
    .option('--benchmarks <list>', `robustness benchmarks instead: all, or some of ${ids}`)
    .option('--data-root <folder>', 'the folder that holds the benchmarks as downloaded')
    .option(
      '--generate',
      'make C, C-bar and P from the validation images (--data, the run’s own, or below --data-root)',
    )
    .option('--limit <n>', 'at most so many images of each part, evenly spaced', positiveInteger)
    .option('--subset <name>', `${SUBSET}: RobustBench’s 5,000 validation images`, subsetName);
  return changeOptions(command)
    .option(
      '--known <folder>',
      'for ood: images of known classes (default: the validation images, or --data)',
    )
    .option('--near <folder>', 'for ood: images of unknown classes that are like them')
    .option('--far <folder>', 'for ood: images that are quite different')
    .option('--no-jpeg', 'of generated C and C-bar at 224 px: leave out the final JPEG of the release')
    .option(
      '--stored-size <px>',
      'of C, 9 and Stylized whose images are not the release’s 224 px: their side; no AlexNet-normalised numbers',
      positiveInteger,
    )
    .option('--out <folder>', 'where results go (default: <run>/robustness, or runs/robustness/…)')
    .option('--dry-run', 'list images, forward passes and hours; evaluate nothing');
}

/** Options that say what is corrupted and how. */
export function changeOptions(command: Command): Command {
  return command
    .option('--corruptions <list>', 'only these corruptions or perturbations', nameList)
    .option('--severities <list>', 'of C and C-bar: only these, e.g. 1,3,5', severityList)
    .option('--difficulty <n>', 'of P: 1, 2 or 3', difficulty, 1)
    .option('--seed <n>', 'of generated images', wholeNumber, 0)
    .option(
      '--workers <n>',
      'threads that decode and corrupt; results do not depend on it',
      integerUpTo(MOST_WORKERS),
      Math.max(1, availableParallelism() - 1),
    );
}

function subsetName(text: string): string {
  if (text !== SUBSET) throw new InvalidArgumentError(`the subset is ${SUBSET}.`);
  return text;
}

function nameList(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  checkNames(names);
  return names;
}

function severityList(text: string): readonly Severity[] {
  const list = text.split(',').map(Number);
  if (!list.every((value) => [1, 2, 3, 4, 5].includes(value)))
    throw new InvalidArgumentError('severities are whole numbers from 1 to 5, separated by commas.');
  return ([1, 2, 3, 4, 5] as const).filter((severity) => list.includes(severity));
}

function difficulty(text: string): Difficulty {
  const value = Number(text);
  if (value !== 1 && value !== 2 && value !== 3) throw new InvalidArgumentError('1, 2 or 3 is wanted.');
  return value;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('a whole number of at least 0 is wanted.');
  return value;
}
