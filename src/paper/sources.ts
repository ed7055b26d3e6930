/** The numbers of the page with the files they come from. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { countElements } from '../nn/parameters.ts';
import { loadRecipe } from '../recipe/load.ts';
import { recipeHash } from '../recipe/resolved.ts';
import type { Recipe } from '../recipe/schema.ts';
import { findResults, type Found } from '../report/read-results.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import type { EvaluationLog } from '../robustness/benchmarks/evaluation/store.ts';
import { findBenchmark } from '../robustness/benchmarks/records.ts';
import { sha256File } from '../robustness/classifier/session-classifier.ts';
import { accuracyMetric } from '../robustness/scoring/metric.ts';
import { describeEval } from '../robustness/benchmarks/evaluation/protocol.ts';
import { evalConfig } from '../recipe/transforms.ts';
import { classCountOf, normalizationOf } from '../training/data.ts';
import { modelOfRecipe } from '../training/weights/recipe-model.ts';
import { readMetrics } from '../training/log/metrics-log.ts';
import { isRunFolder, readSummary, runFolder } from '../training/run/run-folder.ts';
import { FrameworkError } from '../util/errors.ts';

/** A run that results are of. */
export interface Run {
  /** As it was given. */
  readonly folder: string;
  readonly recipe: Recipe;
  /** The recipe of the run whose weights it began with. */
  readonly before: Recipe | undefined;
  /** What all seeds of one setting share. */
  readonly arm: string;
  /** What all kernels of one setting share. */
  readonly ladder: string;
}

/** A result and where it stands. */
export interface Source {
  /** On the page; from 1. */
  readonly number: number;
  /** As it was given, with `/`. */
  readonly path: string;
  /** Of the file's bytes. */
  readonly sha256: string;
  readonly result: BenchmarkResult;
  readonly sessions: EvaluationLog['sessions'];
  readonly run: Run | undefined;
  /** The run measured it itself, in training. */
  readonly isOfTraining: boolean;
}

/**
 * Every result below some paths, and the last evaluations of the finished runs there.
 * @throws FrameworkError as `report` does, for what is damaged; `data/no-results` where there is nothing at all
 */
export async function readSources(paths: readonly string[]): Promise<Source[]> {
  const runs = new RunReader();
  const found: Omit<Source, 'number'>[] = [];
  for (const path of paths) {
    const own = await resultsBelow(path);
    for (const entry of own) {
      const run = await runs.of(entry.path);
      found.push({ ...entry, sha256: await sha256File(entry.path), run, isOfTraining: false });
    }
    for (const folder of await runsBelow(path)) found.push(...(await ofTraining(folder, runs)));
  }
  const unique = [
    ...new Map(found.map((entry) => [resolve(entry.path) + entry.result.protocol.weights, entry])).values(),
  ];
  if (unique.length === 0)
    throw new FrameworkError(
      'data/no-results',
      `There is neither a result nor a finished run in ${paths.join(', ')}.`,
      {
        hint: 'Name runs, sweeps, or folders that `evaluate --benchmarks`, `analyze` and `attack` wrote to; `largekernel reproduce` makes them.',
      },
    );
  return unique.map((entry, i) => ({ ...entry, path: entry.path.replaceAll('\\', '/'), number: i + 1 }));
}

async function resultsBelow(path: string): Promise<Found[]> {
  try {
    return await findResults([path]);
  } catch (error) {
    // A run that nobody evaluated further.
    const isEmpty = error instanceof FrameworkError && error.code === 'data/no-results';
    if (isEmpty && (await stat(path).catch(() => undefined))?.isDirectory() === true) return [];
    throw error;
  }
}

async function runsBelow(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [];
  const names = await readdir(path, { recursive: true });
  return names
    .filter((name) => basename(name) === 'recipe.yaml')
    .map((name) => join(path, dirname(name)))
    .sort();
}

/** Opens every run once. */
class RunReader {
  private readonly known = new Map<string, Promise<Run>>();

  /** The run that a result lies in. */
  async of(file: string): Promise<Run | undefined> {
    for (let folder = dirname(file), i = 0; i < 6; i++, folder = dirname(folder))
      if (isRunFolder(folder)) return this.open(folder);
    return undefined;
  }

  open(folder: string): Promise<Run> {
    const key = resolve(folder);
    const before = this.known.get(key);
    if (before !== undefined) return before;
    const run = readRun(folder);
    this.known.set(key, run);
    return run;
  }
}

async function readRun(folder: string): Promise<Run> {
  const { recipe } = await loadRecipe(join(folder, 'recipe.yaml'));
  const { file } = recipe.init;
  const before =
    file !== null && isRunFolder(file) ? (await loadRecipe(join(file, 'recipe.yaml'))).recipe : undefined;
  const alike = { ...recipe, seed: 0 };
  return {
    folder: folder.replaceAll('\\', '/'),
    recipe,
    before,
    arm: recipeHash(alike),
    ladder: recipeHash({ ...alike, model: { ...recipe.model, kernels: null } }),
  };
}

/** Top-1 of a finished run's last evaluation, for raw and averaged weights. */
async function ofTraining(folder: string, runs: RunReader): Promise<Omit<Source, 'number'>[]> {
  const files = runFolder(folder);
  const summary = await readSummary(files);
  if (summary?.outcome !== 'finished') return [];
  const run = await runs.open(folder);
  const damage: string[] = [];
  const records = await readMetrics(files.metrics, (what) => damage.push(what));
  if (damage.length > 0)
    throw new FrameworkError('file/damaged', damage.join('; '), {
      hint: 'Leave this run out, or restore the file from a copy.',
    });
  const log = records.filter((record) => record.kind === 'evaluation');
  const last = log.at(-1)?.step;
  const sha256 = await sha256File(files.metrics);
  return log
    .filter(({ step, skipped }) => step === last && skipped === 0)
    .map((record) => ({
      path: files.metrics,
      sha256,
      result: trainingResult(run.recipe, record.weights, record),
      sessions: [],
      run,
      isOfTraining: true,
    }));
}

/** The same shape as results of `evaluate`; weights and lists of files are not hashed by training. */
function trainingResult(
  recipe: Recipe,
  weights: 'raw' | 'ema',
  { top1, count }: { readonly top1: number; readonly count: number },
): BenchmarkResult {
  const { data, model } = recipe;
  const { mean, std } = normalizationOf(recipe);
  const classes = model.classes ?? classCountOf(recipe);
  const isImagenet = data.dataset === 'imagenet';
  const { id, scoring } = findBenchmark('val');
  const metric = accuracyMetric(
    'top1',
    'top-1',
    isImagenet ? 'full1000' : data.dataset,
    Math.round(top1 * count),
    count,
  );
  return {
    ...{ benchmark: id, name: isImagenet ? 'ImageNet' : data.dataset, model: model.name },
    ...{ modelFingerprint: '', classes },
    parameters: countElements(modelOfRecipe(recipe, classes).parameters, 'parameter'),
    protocol: {
      // A published number is of all of ImageNet's validation images.
      dataOrigin: isImagenet && count === 50_000 ? 'release' : `${data.dataset}, ${count} images`,
      preprocessing: describeEval(evalConfig(recipe)),
      normalization: `mean ${mean.join(' ')}, std ${std.join(' ')}`,
      imageSize: data.imageSize,
      weights,
      subset: data.limitVal === null ? 'all' : `${data.limitVal} images`,
      ...{ parts: 'all', difficulty: 1, normaliser: 'none', classListSha256: '', fileListSha256: '' },
    },
    ...{ complete: true, problems: [], items: { asked: count, scored: count, unreadable: 0 } },
    ...{ metrics: [metric], absent: [], rows: [], parts: [], perClass: {} },
    ...{ report: scoring.report, isClean: true },
  };
}
