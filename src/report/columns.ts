import { BENCHMARKS } from '../robustness/benchmarks/records.ts';
import type { Reference } from '../robustness/benchmarks/reference.ts';
import { referencesFor } from '../robustness/benchmarks/reference.ts';
import type { BenchmarkResult, Protocol } from '../robustness/benchmarks/evaluation/result.ts';
import type { Metric } from '../robustness/scoring/metric.ts';
import type { EvaluationLog } from '../robustness/benchmarks/evaluation/store.ts';

/** A model, with one way of making its input, and what was measured of it: a row of a table. */
export interface ReportModel {
  /** Told apart from every other row's. */
  readonly name: string;
  /** Name of the same model in the papers' tables, e.g. `ConvNeXt-31`, if it is not `name`. */
  readonly paperName?: string;
  /** At most one of each benchmark and data side (`dataKey`). */
  readonly results: readonly BenchmarkResult[];
  /** Who evaluated, when, where that was noted. */
  readonly sessions?: EvaluationLog['sessions'];
}

/** One value beside the published one. */
export interface Cell {
  readonly model: string;
  readonly metric: Metric;
  readonly isComplete: boolean;
  readonly reference: Reference | undefined;
  readonly result: BenchmarkResult;
}

/** Numbers that may stand under one heading: same benchmark, metric, protocol, files and subset. */
export interface Column {
  readonly benchmark: string;
  readonly benchmarkName: string;
  readonly metric: string;
  readonly label: string;
  /** All of it: `own` and `setting`. */
  readonly protocol: string;
  /** How this number is computed. */
  readonly own: string;
  /** Which images, where they are not the whole release: often the same for all numbers of a benchmark. */
  readonly setting: string;
  readonly unit: Metric['unit'];
  readonly better: Metric['better'];
  readonly cells: readonly Cell[];
}

/** Which images: their origin, and which of them where not all. */
export function settingOf({ protocol }: BenchmarkResult): string {
  return [protocol.dataOrigin, ...(protocol.subset === 'all' ? [] : [protocol.subset])].join(', ');
}

/**
 * The half of a protocol that the data decide: numbers of two of them never share a column. The other half (`modelKey`) and the weights
 * tell rows apart.
 */
export function dataKey({ name, protocol }: BenchmarkResult): string {
  const { dataOrigin, subset, parts, difficulty, normaliser, classListSha256, fileListSha256, settings } =
    protocol;
  return JSON.stringify([
    name,
    dataOrigin,
    subset,
    parts,
    difficulty,
    normaliser,
    classListSha256,
    fileListSha256,
    settings,
  ]);
}

/** The half of a protocol that comes with the model: how an image becomes its input. */
export function modelKey({ protocol }: BenchmarkResult): string {
  const { preprocessing, normalization, imageSize } = protocol;
  return JSON.stringify([preprocessing, normalization, imageSize]);
}

/** Columns of all results: benchmarks in their order, metrics as the results list them. */
export function columnsOf(models: readonly ReportModel[]): Column[] {
  const columns = new Map<string, Omit<Column, 'cells' | 'protocol'> & { key: string; cells: Cell[] }>();
  for (const id of benchmarksOf(models))
    for (const model of models)
      for (const result of model.results.filter(({ benchmark }) => benchmark === id))
        for (const metric of result.metrics) {
          const { own, setting } = protocolWords(result, metric);
          const { label, unit, better } = metric;
          const key = JSON.stringify([dataKey(result), metric.id, own]);
          const { benchmark, name: benchmarkName } = result;
          const base = { benchmark, benchmarkName, metric: metric.id, label, own, setting, unit, better };
          const column = columns.get(key) ?? { ...base, key: dataKey(result), cells: [] };
          columns.set(key, column);
          column.cells.push(cellOf(model, result, metric));
        }
  return toldApart([...columns.values()]);
}

/** Ids of the benchmarks that were measured, those of the registry in its order, then others. */
function benchmarksOf(models: readonly ReportModel[]): string[] {
  const found = new Set(models.flatMap(({ results }) => results.map(({ benchmark }) => benchmark)));
  const known = BENCHMARKS.map(({ id }) => id);
  return [...known.filter((id) => found.has(id)), ...[...found].filter((id) => !known.includes(id))];
}

/** Where the words of two columns are the same though their data are not, the data are named by the hash of their files. */
function toldApart(columns: readonly (Omit<Column, 'protocol'> & { readonly key: string })[]): Column[] {
  const same = (a: (typeof columns)[number], b: (typeof columns)[number]): boolean =>
    a.benchmarkName === b.benchmarkName &&
    a.metric === b.metric &&
    a.own === b.own &&
    a.setting === b.setting;
  return columns.map(({ key, ...column }) => {
    const others = columns.filter((other) => other.key !== key && same(other, { key, ...column }));
    const protocol = column.cells[0]?.result.protocol;
    const extra = others.length === 0 || protocol === undefined ? [] : distinguishing(protocol, others);
    const setting = [column.setting, ...extra].filter((words) => words !== '').join(', ');
    return { ...column, setting, protocol: setting === '' ? column.own : `${column.own}, ${setting}` };
  });
}

function distinguishing(own: Protocol, others: readonly Pick<Column, 'cells'>[]): string[] {
  const differs = (of: keyof Protocol): boolean =>
    others.some(({ cells: [cell] }) => cell !== undefined && cell.result.protocol[of] !== own[of]);
  return [
    ...settingsApart(own, others),
    ...(differs('parts') ? [`parts ${own.parts}`] : []),
    ...(differs('normaliser') ? [`normaliser ${own.normaliser}`] : []),
    ...(differs('classListSha256') ? [`classes ${own.classListSha256.slice(0, 12)}`] : []),
    ...(differs('fileListSha256') ? [`files ${own.fileListSha256.slice(0, 12)}`] : []),
  ];
}

/** The settings that not all others have too. */
function settingsApart({ settings }: Protocol, others: readonly Pick<Column, 'cells'>[]): string[] {
  const wordsOf = (text = '') => text.split(', ');
  const theirs = others.map(({ cells: [cell] }) => wordsOf(cell?.result.protocol.settings));
  return wordsOf(settings).filter((word) => word !== '' && theirs.some((words) => !words.includes(word)));
}

/** The protocol of a number, with whatever sets it apart from the release's own. */
function protocolWords(result: BenchmarkResult, metric: Metric): Pick<Column, 'own' | 'setting'> {
  const { dataOrigin, subset, difficulty } = result.protocol;
  const words: string[] = [];
  if (dataOrigin !== 'release') words.push(dataOrigin);
  if (subset !== 'all') words.push(subset);
  if (difficulty !== 1) words.push(`difficulty ${difficulty}`);
  return { own: metric.protocol.replace(`, ${dataOrigin}`, ''), setting: words.join(', ') };
}

/** Columns of one table: those of one benchmark and setting. */
export interface ColumnGroup {
  readonly name: string;
  readonly setting: string;
  readonly columns: readonly Column[];
}

/** Columns by benchmark and setting, in their order. */
export function groupsOf(columns: readonly Column[]): ColumnGroup[] {
  const groups = new Map<string, { name: string; setting: string; columns: Column[] }>();
  for (const column of columns) {
    const { benchmarkName: name, setting } = column;
    const key = JSON.stringify([name, setting]);
    const group = groups.get(key) ?? { name, setting, columns: [] };
    groups.set(key, group);
    group.columns.push(column);
  }
  return [...groups.values()];
}

export function cellIn(column: Column, model: string): Cell | undefined {
  return column.cells.find((cell) => cell.model === model);
}

function cellOf(model: ReportModel, result: BenchmarkResult, metric: Metric): Cell {
  // A published number is of the release, all of it, at difficulty 1.
  const { dataOrigin, subset, difficulty } = result.protocol;
  const isComparable = dataOrigin === 'release' && subset === 'all' && difficulty === 1;
  const [reference] = isComparable
    ? referencesFor(result.benchmark, metric, model.paperName ?? model.name)
    : [];
  return { model: model.name, metric, isComplete: result.complete, reference, result };
}

/** Whether an interval cannot be said as ±: it lies to one side, or ± would reach below 0 or above 100 where it does not. */
export function isOneSided(
  { value, low, high }: { value: number; low: number; high: number },
  digits: number,
): boolean {
  const halves = [value - low, high - value];
  const half = (high - low) / 2;
  const isBeyond = (low >= 0 && value < half) || (high <= 100 && value + half > 100);
  return (isBeyond || Math.max(...halves) > 2 * Math.min(...halves)) && half > 2 * 10 ** -digits;
}

/** `81.3 ± 0.4`; `0.0 (0.0–16.1)` where the interval lies to one side; `20.0 (interval n/a: one clip)`. Proper minus signs. */
export function formatMetric({ value, low, high, noInterval, unit }: Metric): string {
  const digits = unit === '%' || unit === 'points' ? 1 : 3;
  const rounded = (x: number): string => minus(x.toFixed(digits));
  if (noInterval !== undefined) return `${rounded(value)} (interval n/a: ${noInterval})`;
  if (low === undefined || high === undefined) return rounded(value);
  return isOneSided({ value, low, high }, digits)
    ? `${rounded(value)} (${rounded(low)}–${rounded(high)})`
    : `${rounded(value)} ± ${((high - low) / 2).toFixed(digits)}`;
}

/** Ours minus the published value, with its sign. */
export function formatDifference(metric: Metric, reference: Reference): string {
  const difference = metric.value - reference.value;
  return `${difference > 0 ? '+' : ''}${minus(difference.toFixed(1))}`;
}

export function minus(text: string): string {
  return text.replace(/^-/, '−');
}
