import { CORRUPTIONS } from '../robustness/corruptions/registry.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/result.ts';
import type { Column, ReportModel } from './columns.ts';
import type { Bar } from './svg.ts';
import { barChart, lineChart } from './svg.ts';

/** A figure with a caption that says its protocol. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
}

/** What the overview shows, best protocol first: the bars of A, C, O and R. */
const OVERVIEW = [
  { benchmark: 'a', metrics: ['top1'] },
  { benchmark: 'c', metrics: ['accuracy-19-severity-5'] },
  { benchmark: 'o', metrics: ['aupr'] },
  { benchmark: 'r', metrics: ['top1'] },
] as const;

/** Bars of ImageNet-A, -C, -O and -R, one per model: higher is better in all. Undefined if none was measured. */
export function overviewFigure(
  columns: readonly Column[],
  models: readonly ReportModel[],
): Figure | undefined {
  const shown = OVERVIEW.flatMap(({ benchmark, metrics }) =>
    columns.filter((column) => column.benchmark === benchmark && metrics.some((id) => id === column.metric)),
  );
  if (shown.length === 0) return undefined;
  const measured = models
    .map(({ name }, colour) => ({ name, colour }))
    .filter(({ name }) => shown.some(({ cells }) => cells.some(({ model }) => model === name)));
  const groups = shown.map((column, i) => ({
    label: `${column.benchmarkName.replace('ImageNet-', '')}${footnote(i)}`,
    bars: measured.map(({ name }) => barOf(column, name)),
  }));
  const title = 'Robust accuracy';
  const notes = shown.map(
    (column, i) => `${footnote(i)} ${column.benchmarkName}: ${column.label}, ${column.protocol}`,
  );
  return {
    id: 'overview',
    title,
    caption: `In %, higher is better, with 95 % intervals. ${notes.join('; ')}.`,
    svg: barChart({
      title,
      yLabel: '%',
      groups,
      series: measured.map(({ name }) => name),
      colours: measured.map(({ colour }) => colour),
    }),
  };
}

function footnote(i: number): string {
  return ['¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][i] ?? `(${i + 1})`;
}

function barOf(column: Column, model: string): Bar | undefined {
  const metric = column.cells.find((cell) => cell.model === model)?.metric;
  if (!metric) return undefined;
  const { value, low, high } = metric;
  return low === undefined || high === undefined ? { value } : { value, low, high };
}

/**
 * Top-1 against severity, one small figure per corruption, all on one scale. Results of different origin (release,
 * generated) are not drawn together: one list of figures per origin.
 */
export function severityFigures(
  models: readonly ReportModel[],
): { origin: string; names: string[]; figures: Figure[] }[] {
  const origins = new Map<string, { model: string; colour: number; result: BenchmarkResult }[]>();
  for (const [colour, model] of models.entries())
    for (const result of model.results.filter(({ benchmark }) => benchmark === 'c')) {
      const { dataOrigin, subset } = result.protocol;
      const origin = [result.name, dataOrigin, subset].join(', ').replace(/, all$/, '');
      origins.set(origin, [...(origins.get(origin) ?? []), { model: model.name, colour, result }]);
    }
  return [...origins].map(([origin, entries]) => ({
    origin,
    names: entries.map(({ model }) => model),
    figures: CORRUPTIONS.flatMap(({ name }): Figure[] => {
      const series = entries.map(({ model, colour, result }) => ({
        name: model,
        colour,
        points: curve(result, name),
      }));
      if (series.every(({ points }) => points.length < 2)) return [];
      const title = name.replaceAll('_', ' ');
      const svg = lineChart({
        title,
        xLabel: 'severity',
        yLabel: 'top-1 %',
        series,
        yMin: 0,
        yMax: 100,
        width: 190,
        height: 150,
      });
      return [{ id: `severity-${name}`, title, caption: title, svg }];
    }),
  }));
}

/** (severity, top-1 %) of one corruption; severity 0 where the clean images were measured with it. */
function curve(result: BenchmarkResult, corruption: string): [number, number][] {
  return result.parts.flatMap(({ name, metrics }): [number, number][] => {
    const [part, severity] = name.split('/');
    const top1 = metrics.find(({ id }) => id === 'top1');
    return top1 && (part === corruption || part === 'clean') ? [[Number(severity), top1.value]] : [];
  });
}
