import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { BenchmarkResult } from '../robustness/benchmarks/result.ts';
import { FrameworkError } from '../util/errors.ts';
import { readJson } from '../util/files.ts';
import type { ReportModel } from './columns.ts';

interface Found {
  readonly path: string;
  readonly result: BenchmarkResult;
}

/**
 * The models of a report from paths of result files, run folders, or folders that hold results at any depth, in that
 * order. Results of the same weights are one model; two models of one name are told apart by their folders.
 * @throws FrameworkError `data/no-results`, `data/not-a-result`
 */
export async function readModels(paths: readonly string[]): Promise<ReportModel[]> {
  const found: Found[] = [];
  for (const path of paths) {
    const files = await resultFiles(path);
    if (files.length === 0)
      throw new FrameworkError('data/no-results', `There is no result.json in ${path}.`, {
        hint: 'Name a run or a folder that `largekernel evaluate --benchmarks` wrote to.',
      });
    for (const file of files) found.push({ path: file, result: await readResult(file) });
  }
  const byWeights = new Map<string, Found[]>();
  for (const entry of found) {
    const { model, modelFingerprint } = entry.result;
    const key = JSON.stringify([model, modelFingerprint]);
    byWeights.set(key, [...(byWeights.get(key) ?? []), entry]);
  }
  const groups = [...byWeights.values()];
  return groups.map((entries) => {
    const [first] = entries as [Found, ...Found[]];
    const { model } = first.result;
    const isUnique = groups.filter((other) => other[0]?.result.model === model).length === 1;
    const results = [...new Map(entries.map(({ path, result }) => [resolve(path), result])).values()];
    const name = isUnique ? model : `${model} (${folderName(first.path)})`;
    return { name, paperName: model, results };
  });
}

/** All `result.json` of a folder, sorted; a file is itself. */
async function resultFiles(path: string): Promise<string[]> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new FrameworkError('data/no-results', `${path} is not there.`, {
      hint: 'Name a run, a folder of results or a result.json.',
      cause,
    });
  });
  if (!info.isDirectory()) return [path];
  const names = await readdir(path, { recursive: true });
  return names
    .filter((name) => basename(name) === 'result.json')
    .sort()
    .map((name) => join(path, name));
}

/** The run of `<run>/robustness/<benchmark>/result.json`, or the folder above the benchmark's. */
function folderName(path: string): string {
  let folder = dirname(dirname(resolve(path)));
  const marks: string[] = [];
  while (['robustness', 'evaluations', 'raw', 'ema'].includes(basename(folder))) {
    if (basename(folder) === 'ema') marks.push('EMA');
    folder = dirname(folder);
  }
  return [basename(folder), ...marks].join(', ');
}

async function readResult(path: string): Promise<BenchmarkResult> {
  const value = (await readJson(path)) as Partial<BenchmarkResult> | null;
  const isResult =
    value?.format === 1 &&
    typeof value.benchmark === 'string' &&
    typeof value.modelFingerprint === 'string' &&
    Array.isArray(value.metrics) &&
    Array.isArray(value.parts) &&
    Array.isArray(value.problems) &&
    typeof value.protocol === 'object';
  if (!isResult)
    throw new FrameworkError(
      'data/not-a-result',
      `${path} should hold a benchmark's result of format 1, found ${JSON.stringify(value?.format ?? null)}.`,
      { hint: 'Name files that this version of `largekernel evaluate --benchmarks` wrote.' },
    );
  return value as BenchmarkResult;
}
