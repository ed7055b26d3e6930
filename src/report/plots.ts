import { referencesFor } from '../robustness/benchmarks/reference.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import type { Curve, CurvePoint, Plot } from '../robustness/scoring/curve.ts';
import { dataKey, minus, type ReportModel } from './columns.ts';
import type { Figure } from './figures.ts';
import { plotSvg, type PlotLine, type PlotPoint, type PublishedPoint } from './plot-svg.ts';

interface Entry {
  readonly model: ReportModel;
  readonly colour: number;
  readonly result: BenchmarkResult;
}

/**
 * The curves that results want drawn, models side by side: one figure for each plot and data side, so that curves of two protocols never meet
 * in one.
 */
export function plotFigures(models: readonly ReportModel[]): Figure[] {
  const groups = new Map<string, { plot: Plot; entries: Entry[] }>();
  for (const [colour, model] of models.entries())
    for (const result of model.results)
      for (const plot of result.report.plots ?? []) {
        const key = JSON.stringify([result.benchmark, plot.id, plotKey(result)]);
        const group = groups.get(key) ?? { plot, entries: [] };
        groups.set(key, group);
        group.entries.push({ model, colour, result });
      }
  return [...groups.values()].flatMap(({ plot, entries }) => {
    const lines = entries.flatMap((entry) => linesOf(entry, plot, entries.length > 1));
    return lines.length === 0 ? [] : [figureOf(plot, entries, lines)];
  });
}

/** The data side but for the points along x: networks of 12 and 24 blocks lose other shares of them. */
export function plotKey(result: BenchmarkResult): string {
  return dataKey({ ...result, protocol: { ...result.protocol, parts: '' } });
}

function figureOf(plot: Plot, entries: readonly Entry[], lines: readonly PlotLine[]): Figure {
  const { id, title, xLabel, yLabel, yMin, yMax, isDense = false } = plot;
  const published = entries.flatMap((entry) => publishedPoints(entry, plot));
  const [first] = entries as [Entry, ...Entry[]];
  return {
    id: `${first.result.benchmark}-${id}`,
    title,
    caption: captionOf(plot, first.result, lines),
    svg: plotSvg({ title, xLabel, yLabel, lines: distinct(lines), published, yMin, yMax, isDense }),
  };
}

/** Lines of one model have its colour; every line of the figure has a dash and a marker of its own. */
function distinct(lines: readonly PlotLine[]): PlotLine[] {
  return lines.map((line, mark) => ({ ...line, mark }));
}

function linesOf({ model, colour, result }: Entry, plot: Plot, isShared: boolean): PlotLine[] {
  const curves = (result.curves ?? []).filter((curve) => curve.plot === plot.id && curve.isDetail !== true);
  return curves.map((curve, i) => ({
    name: nameOf(model, curve, curves.length > 1),
    colour: isShared ? colour : i,
    points: curve.points.map((point) => plotPoint(point, plot)),
  }));
}

function nameOf({ name }: ReportModel, curve: Curve, isOneOfMany: boolean): string {
  return isOneOfMany ? `${name}, ${curve.name}` : name;
}

function plotPoint({ x, y, low, high, min, max, change }: CurvePoint, { value, band }: Plot): PlotPoint {
  if (value === 'change' && change !== undefined)
    return { x, y: change.value, low: change.low, high: change.high };
  return band === 'range' ? { x, y, low: min ?? y, high: max ?? y } : { x, y, low, high };
}

/** Published values of the same model under the same protocol. */
function publishedPoints({ model, colour, result }: Entry, { published }: Plot): PublishedPoint[] {
  if (published === undefined) return [];
  const metric = result.metrics.find(({ id }) => id === published.metric);
  if (metric === undefined) return [];
  return referencesFor(result.benchmark, metric, model.paperName ?? model.name).map(({ value, source }) => ({
    x: published.x,
    y: value,
    colour,
    words: `published: ${value} (${source})`,
  }));
}

const BANDS = {
  interval: 'Bands are 95 % intervals.',
  range: 'Bands reach from the smallest to the largest of the samples.',
} as const;

function captionOf(
  plot: Plot,
  { benchmark, metrics, protocol }: BenchmarkResult,
  lines: readonly PlotLine[],
): string {
  const hasBand = lines.some(({ points }) => points.some(({ low }) => low !== undefined));
  const metric = metrics.find(({ id }) => id === plot.published?.metric);
  const known = metric === undefined ? [] : referencesFor(benchmark, metric);
  const values = known.map(({ model, value }) => `${model} ${minus(String(value))}`).join(', ');
  const subset = protocol.subset === 'all' ? [] : [protocol.subset];
  return [
    `${[protocol.dataOrigin, ...subset].join(', ')}; ${protocol.settings ?? ''}.`,
    ...(hasBand ? [BANDS[plot.band ?? 'interval']] : []),
    ...(known.length === 0
      ? []
      : [`Published at ${plot.published?.x ?? ''}: ${values} (${known[0]?.source ?? ''}).`]),
  ].join(' ');
}
