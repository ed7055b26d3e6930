import { CORRUPTIONS } from '../robustness/corruptions/registry.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import type { Metric } from '../robustness/scoring/metric.ts';
import { rowChart } from './bars.ts';
import { dataKey, minus, type Cell, type Column, type ReportModel } from './columns.ts';
import type { LinePoint } from './svg.ts';
import { lineChart } from './svg.ts';

/** A figure with a caption that says its protocol. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
}

/** The numbers that have a figure of their own, by benchmark. Nothing of another kind is drawn beside them. */
const SHOWN: readonly { readonly benchmark: string; readonly metrics: readonly string[] }[] = [
  { benchmark: 'val', metrics: ['top1'] },
  { benchmark: 'a', metrics: ['top1'] },
  { benchmark: 'r', metrics: ['top1'] },
  { benchmark: 'c', metrics: ['mce', 'mean-error-15', 'accuracy-19-severity-5'] },
  { benchmark: 'o', metrics: ['aupr'] },
  { benchmark: 'p', metrics: ['mfr', 'mean-flip-probability'] },
  { benchmark: '9', metrics: ['original', 'mixed_same', 'mixed_rand', 'bg-gap'] },
  { benchmark: 'sketch', metrics: ['top1'] },
  { benchmark: 'stylized', metrics: ['top1'] },
];

/** One figure for each main number and protocol, with a bar for each model that has it. */
export function metricFigures(columns: readonly Column[], models: readonly ReportModel[]): Figure[] {
  return SHOWN.flatMap(({ benchmark, metrics }) =>
    metrics.flatMap((metric) =>
      columns
        .filter((column) => column.benchmark === benchmark && column.metric === metric)
        .map((column) => metricFigure(column, models)),
    ),
  );
}

function metricFigure(column: Column, models: readonly ReportModel[]): Figure {
  const { benchmarkName, label, unit, better, metric, cells } = column;
  const rows = models.flatMap((model, colour) =>
    cells.filter((cell) => cell.model === model.name).map((cell) => barOf(cell, colour)),
  );
  const title = `${benchmarkName}: ${label}`;
  // Shares of images end at 100 %; errors divided by AlexNet's may lie above.
  const isShare = unit === '%' && cells.every((cell) => (cell.metric.high ?? cell.metric.value) <= 100);
  const interval = cells.some((cell) => cell.metric.low !== undefined) ? ', with 95 % intervals' : '';
  const rings = cells.some(({ reference }) => reference) ? ' Rings are published values.' : '';
  const stars = cells.some(({ isComplete }) => !isComplete) ? ' * The evaluation is not whole.' : '';
  return {
    id: `${column.benchmark}-${metric}`,
    title,
    caption: `${column.protocol}. ${unit === '' ? '' : `In ${unit}, `}${better} is better${interval}.${rings}${stars}`,
    svg: rowChart({ title, rows, ...(isShare ? { max: 100 } : {}) }),
  };
}

function barOf({ model: label, metric, isComplete, reference }: Cell, colour: number) {
  const { value, low, high, unit } = metric;
  const text = `${minus(value.toFixed(unit === '' || unit === 'nats' ? 3 : 1))}${isComplete ? '' : '*'}`;
  return { label, colour, value, low, high, text, published: reference?.value };
}

/** The curves of one data side, and whose they are. */
export interface SeverityGroup {
  readonly origin: string;
  readonly names: readonly string[];
  /** Where severity 0 comes from. */
  readonly zero: string;
  readonly figures: readonly Figure[];
}

/**
 * Top-1 against severity, one small figure per corruption, all on one scale. Results on different data (release,
 * generated, other files) are not drawn together: one list of figures for each.
 */
export function severityFigures(models: readonly ReportModel[]): SeverityGroup[] {
  const groups = new Map<string, Entry[]>();
  for (const [colour, model] of models.entries())
    for (const result of model.results.filter(({ benchmark }) => benchmark === 'c')) {
      const key = dataKey(result);
      groups.set(key, [...(groups.get(key) ?? []), { model, colour, result }]);
    }
  return [...groups.values()].map((entries) => ({
    origin: originOf(entries),
    names: entries.map(({ model }) => model.name),
    zero: zeroWords(entries),
    figures: CORRUPTIONS.flatMap(({ name }): Figure[] => {
      const series = entries.map(({ model, colour, result }) => ({
        name: model.name,
        colour,
        points: curve(model, result, name),
      }));
      if (series.every(({ points }) => points.length < 2)) return [];
      const title = name.replaceAll('_', ' ');
      const size = { width: 200, height: 160 };
      const axes = { xLabel: 'severity', yLabel: 'top-1 %', yMin: 0, yMax: 100 };
      return [
        {
          id: `severity-${name}`,
          title,
          caption: title,
          svg: lineChart({ title, series, ...axes, ...size }),
        },
      ];
    }),
  }));
}

interface Entry {
  readonly model: ReportModel;
  readonly colour: number;
  readonly result: BenchmarkResult;
}

function originOf([first]: readonly Entry[]): string {
  if (first === undefined) return '';
  const { name, protocol } = first.result;
  return [name, protocol.dataOrigin, ...(protocol.subset === 'all' ? [] : [protocol.subset])].join(', ');
}

function zeroWords(entries: readonly Entry[]): string {
  if (entries.every(({ result }) => cleanPart(result) !== undefined))
    return 'Severity 0 is the clean images through the same steps.';
  const without = entries.filter(({ model, result }) => zeroOf(model, result) === undefined);
  if (without.length === 0) return 'Severity 0 is the clean evaluation of the same model.';
  return `Severity 0 is the clean evaluation of the same model; not measured for ${without.map(({ model }) => model.name).join('; ')}.`;
}

function cleanPart({ parts }: BenchmarkResult): Metric | undefined {
  return parts.find(({ name }) => name === 'clean/0')?.metrics.find(({ id }) => id === 'top1');
}

/** Top-1 on the clean images: measured with the corruptions, or a whole clean evaluation of the same images. */
function zeroOf(model: ReportModel, result: BenchmarkResult): Metric | undefined {
  const own = cleanPart(result);
  if (own !== undefined) return own;
  const clean = model.results.find(
    ({ benchmark, protocol, complete }) =>
      benchmark === 'val' &&
      complete &&
      protocol.dataOrigin === 'release' &&
      protocol.subset === result.protocol.subset,
  );
  return result.protocol.dataOrigin === 'release'
    ? clean?.metrics.find(({ id }) => id === 'top1')
    : undefined;
}

/** (severity, top-1 %) of one corruption with its interval, severity 0 first where it is known. */
function curve(model: ReportModel, result: BenchmarkResult, corruption: string): LinePoint[] {
  const point = (severity: number, { value, low, high }: Metric): LinePoint => ({
    x: severity,
    y: value,
    low,
    high,
  });
  const measured = result.parts.flatMap(({ name, metrics }): LinePoint[] => {
    const [part, severity] = name.split('/');
    const top1 = metrics.find(({ id }) => id === 'top1');
    return top1 && part === corruption ? [point(Number(severity), top1)] : [];
  });
  const zero = zeroOf(model, result);
  return zero === undefined || measured.length === 0 ? measured : [point(0, zero), ...measured];
}
