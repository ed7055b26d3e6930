import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RESULT, type BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import {
  EVALUATION_LOG,
  EVALUATION_LOG_NAME,
  type EvaluationLog,
} from '../robustness/benchmarks/evaluation/store.ts';
import { FrameworkError } from '../util/errors.ts';
import { readSealed, readSealedIfThere } from '../util/sealed.ts';
import { dataKey, modelKey, type ReportModel } from './columns.ts';

/** A result with its file. */
export interface Found {
  readonly path: string;
  readonly result: BenchmarkResult;
  readonly sessions: EvaluationLog['sessions'];
}

/** One row of the report in the making. */
interface Row {
  readonly words: string;
  readonly found: Found[];
}

/**
 * The models of a report from paths of result files, run folders, or folders that hold results at any depth, in that
 * order. Results of the same weights are one model; two models of one name are told apart by their folders. Results of one model on the
 * same data that differ in how the input is made, or in anything else, are rows of their own: none is dropped.
 * @throws FrameworkError `data/no-results`, and as `readSealed` for a result that is damaged or of another version
 */
export async function readModels(paths: readonly string[]): Promise<ReportModel[]> {
  const groups = [...byWeights(await findResults(paths)).values()];
  return groups.flatMap((entries) => {
    const [first] = entries as [Found, ...Found[]];
    const { model } = first.result;
    const isUnique = groups.filter((other) => other[0]?.result.model === model).length === 1;
    const name = isUnique ? model : `${model} (${folderName(first.path)})`;
    return rowsOf(entries).map(({ words, found }): ReportModel => ({
      name: words === '' ? name : `${name}: ${words}`,
      paperName: model,
      results: found.map(({ result }) => result),
      sessions: found.flatMap(({ sessions }) => sessions),
    }));
  });
}

/** Every result below some paths, once each, in their order. @throws as `readModels` */
export async function findResults(paths: readonly string[]): Promise<Found[]> {
  const found = new Map<string, Found>();
  for (const path of paths) {
    const files = await resultFiles(path);
    if (files.length === 0) throw noResults(path);
    for (const file of files) {
      const log = await readSealedIfThere(join(dirname(file), EVALUATION_LOG_NAME), EVALUATION_LOG);
      const result = await readSealed(file, RESULT);
      if (!found.has(resolve(file)))
        found.set(resolve(file), { path: file, result, sessions: log?.sessions ?? [] });
    }
  }
  return [...found.values()];
}

export function noResults(path: string): FrameworkError {
  return new FrameworkError('data/no-results', `There is no result.json in ${path}.`, {
    hint: `Name a run or a folder that \`largekernel evaluate --benchmarks\` wrote to; for a run alone, \`largekernel evaluate --checkpoint ${path} --benchmarks val\` measures it on its own validation images.`,
  });
}

/** Whether a path holds results at any depth. @throws FrameworkError `data/no-results` where it is not there */
export async function hasResults(path: string): Promise<boolean> {
  return (await resultFiles(path)).length > 0;
}

function byWeights(found: readonly Found[]): Map<string, Found[]> {
  const groups = new Map<string, Found[]>();
  for (const entry of found) {
    const { model, modelFingerprint, classes } = entry.result;
    const key = JSON.stringify([model, modelFingerprint, classes]);
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return groups;
}

/** The first result on some data stands in the model's own row; the others in rows that say what is different. */
function rowsOf(entries: readonly Found[]): Row[] {
  const rows: Row[] = [{ words: '', found: [] }];
  for (const entry of entries) {
    const twin = rows[0]?.found.find(({ result }) => dataKey(result) === dataKey(entry.result));
    if (twin === undefined) rows[0]?.found.push(entry);
    else if (!isSame(twin, entry)) {
      const words = difference(twin, entry);
      const row = rows.find((other) => other.words === words && !holds(other, entry));
      if (row !== undefined) row.found.push(entry);
      else if (!rows.some(({ found }) => found.some((other) => isSame(other, entry))))
        rows.push({ words, found: [entry] });
    }
  }
  return numbered(rows);
}

function holds({ found }: Row, { result }: Found): boolean {
  return found.some((other) => dataKey(other.result) === dataKey(result));
}

/** The same number written twice, e.g. a copied folder. */
function isSame(a: Found, b: Found): boolean {
  return JSON.stringify(a.result) === JSON.stringify(b.result);
}

/** What sets the second of two results on the same data apart. */
function difference(first: Found, second: Found): string {
  const [a, b] = [first.result.protocol, second.result.protocol];
  if (modelKey(first.result) === modelKey(second.result)) return folderName(second.path);
  return [
    ...(a.imageSize === b.imageSize ? [] : [`input ${b.imageSize} px`]),
    ...(a.preprocessing === b.preprocessing ? [] : [b.preprocessing]),
    ...(a.normalization === b.normalization ? [] : [b.normalization]),
  ].join(', ');
}

/** Rows of the same words are told apart by a number. */
function numbered(rows: readonly Row[]): Row[] {
  return rows.map(({ words, found }, i) => {
    const before = rows.slice(0, i).filter((other) => other.words === words).length;
    return { words: before === 0 ? words : `${words} (${before + 1})`, found };
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
