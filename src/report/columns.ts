import { BENCHMARKS } from '../robustness/benchmarks/records.ts';
import type { Reference } from '../robustness/benchmarks/reference.ts';
import { referencesFor } from '../robustness/benchmarks/reference.ts';
import type { BenchmarkResult, Metric } from '../robustness/benchmarks/result.ts';

/** A model and what was measured of it. */
export interface ReportModel {
  readonly name: string;
  /** Name of the same model in the papers' tables, e.g. `ConvNeXt-31`, if it is not `name`. */
  readonly paperName?: string;
  readonly results: readonly BenchmarkResult[];
}

/** One value beside the published one. */
export interface Cell {
  readonly model: string;
  readonly metric: Metric;
  readonly isComplete: boolean;
  readonly reference: Reference | undefined;
}

/** Numbers that may stand under one heading: same benchmark, metric, protocol, images and subset. */
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

/** Columns of all results: benchmarks in their order, metrics as the results list them. */
export function columnsOf(models: readonly ReportModel[]): Column[] {
  const columns = new Map<string, Omit<Column, 'cells'> & { cells: Cell[] }>();
  for (const { id } of BENCHMARKS) {
    for (const model of models) {
      for (const result of model.results.filter(({ benchmark }) => benchmark === id)) {
        for (const metric of result.metrics) {
          const { protocol, own, setting } = protocolWords(result, metric);
          // Generated benchmarks of two data sets share an id and may share a protocol.
          const key = JSON.stringify([result.name, metric.id, protocol]);
          let column = columns.get(key);
          if (!column) {
            const { label, unit, better } = metric;
            const { benchmark, name: benchmarkName } = result;
            column = {
              benchmark,
              benchmarkName,
              metric: metric.id,
              label,
              protocol,
              own,
              setting,
              unit,
              better,
              cells: [],
            };
            columns.set(key, column);
          }
          column.cells.push(cellOf(model, result, metric));
        }
      }
    }
  }
  return [...columns.values()];
}

/** The protocol of a number, with whatever sets it apart from the release's own. */
function protocolWords(
  result: BenchmarkResult,
  metric: Metric,
): Pick<Column, 'protocol' | 'own' | 'setting'> {
  const { dataOrigin, subset, difficulty } = result.protocol;
  const words: string[] = [];
  if (dataOrigin !== 'release') words.push(dataOrigin);
  if (subset !== 'all') words.push(subset);
  if (difficulty !== 1) words.push(`difficulty ${difficulty}`);
  const own = metric.protocol.replace(`, ${dataOrigin}`, '');
  const setting = words.join(', ');
  return { protocol: setting === '' ? own : `${own}, ${setting}`, own, setting };
}

/** The setting that all columns share, and what each has to say besides. */
export function sharedSetting(columns: readonly Column[]): {
  setting: string;
  words: (column: Column) => string;
} {
  const [first] = columns;
  const isShared = first !== undefined && columns.every(({ setting }) => setting === first.setting);
  return isShared
    ? { setting: first.setting, words: ({ own }) => own }
    : { setting: '', words: ({ protocol }) => protocol };
}

function cellOf(model: ReportModel, result: BenchmarkResult, metric: Metric): Cell {
  // A published number is of the release, all of it, at difficulty 1.
  const { dataOrigin, subset, difficulty } = result.protocol;
  const isComparable = dataOrigin === 'release' && subset === 'all' && difficulty === 1;
  const [reference] = isComparable
    ? referencesFor(result.benchmark, metric, model.paperName ?? model.name)
    : [];
  return { model: model.name, metric, isComplete: result.complete, reference };
}

/** `81.3 ± 0.4`; `0.0 (0.0–16.1)` where the interval lies to one side; without one `81.3`. Proper minus signs. */
export function formatMetric({ value, low, high, unit }: Metric): string {
  const digits = unit === '%' || unit === 'points' ? 1 : 3;
  const rounded = (x: number): string => minus(x.toFixed(digits));
  if (low === undefined || high === undefined) return rounded(value);
  const halves = [value - low, high - value];
  const isOneSided = Math.max(...halves) > 2 * Math.min(...halves) && high - low > 4 * 10 ** -digits;
  return isOneSided
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
