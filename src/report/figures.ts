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

/** One figure for each number and protocol that its result wants drawn, with a bar for each model that has it. */
export function metricFigures(columns: readonly Column[], models: readonly ReportModel[]): Figure[] {
  return [...new Set(columns.map(({ benchmark }) => benchmark))].flatMap((benchmark) => {
    const own = columns.filter((column) => column.benchmark === benchmark);
    const metrics = new Set(own.flatMap(({ cells }) => cells.flatMap(({ result }) => result.report.figures)));
    return [...metrics].flatMap((metric) =>
      own.filter((column) => column.metric === metric).map((column) => metricFigure(column, models)),
    );
  });
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
    svg: rowChart({ title, rows, unit, ...(isShare ? { max: 100 } : {}) }),
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
 * The curves that results want drawn (top-1 against severity), one small figure per corruption, all on one scale. Results on different data (release,
 * generated, other files) are not drawn together: one list of figures for each.
 */
export function severityFigures(models: readonly ReportModel[]): SeverityGroup[] {
  const groups = new Map<string, Entry[]>();
  for (const [colour, model] of models.entries())
    for (const result of model.results.filter(({ report }) => report.curves !== undefined)) {
      const key = dataKey(result);
      groups.set(key, [...(groups.get(key) ?? []), { model, colour, result }]);
    }
  return [...groups.values()].map((entries) => ({
    origin: originOf(entries),
    names: entries.map(({ model }) => model.name),
    zero: zeroWords(entries),
    figures: curveNames(entries).flatMap((name): Figure[] => {
      const series = entries.map(({ model, colour, result }) => ({
        name: model.name,
        colour,
        points: curve(model, result, name),
      }));
      if (series.every(({ points }) => points.length < 2)) return [];
      const title = name.replaceAll('_', ' ');
      const size = { width: 200, height: 160 };
      const axes = {
        xLabel: entries[0]?.result.report.curves?.over ?? '',
        yLabel: 'top-1 %',
        yMin: 0,
        yMax: 100,
      };
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

function curveNames(entries: readonly Entry[]): string[] {
  const names = entries.flatMap(({ result }) => result.parts.map(({ name }) => name.split('/')[0] ?? ''));
  return [...new Set(names)].filter((name) => name !== 'clean');
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

function cleanPart({ parts, report }: BenchmarkResult): Metric | undefined {
  const clean = parts.find(({ name }) => name === 'clean/0');
  return clean?.metrics.find(({ id }) => id === report.curves?.metric);
}

/** Top-1 on the clean images: measured with the corruptions, or a whole clean evaluation of the same images. */
function zeroOf(model: ReportModel, result: BenchmarkResult): Metric | undefined {
  const own = cleanPart(result);
  if (own !== undefined) return own;
  const clean = model.results.find(
    ({ isClean, protocol, complete }) =>
      isClean && complete && protocol.dataOrigin === 'release' && protocol.subset === result.protocol.subset,
  );
  return result.protocol.dataOrigin === 'release'
    ? clean?.metrics.find(({ id }) => id === result.report.curves?.metric)
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
    const value = metrics.find(({ id }) => id === result.report.curves?.metric);
    return value && part === corruption ? [point(Number(severity), value)] : [];
  });
  const zero = zeroOf(model, result);
  return zero === undefined || measured.length === 0 ? measured : [point(0, zero), ...measured];
}
