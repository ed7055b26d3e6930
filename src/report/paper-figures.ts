/** Figures 1, 2 and 3 of Chen et al. (ICML 2024), ours beside the published values. Figures 4 and 7 to 10 are those of the analyses. */
import { createModel } from '../models/registry.ts';
import { countElements } from '../nn/parameters.ts';
import { references, type Reference } from '../robustness/benchmarks/reference.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { findMetric } from '../robustness/benchmarks/evaluation/result.ts';
import { attackFigures } from './attack-figures.ts';
import { rowChart, type BarRow } from './bars.ts';
import { columnsOf, dataKey, minus, settingOf, type Cell, type Column, type ReportModel } from './columns.ts';
import type { Figure } from './figures.ts';
import { paperModel } from './paper-models.ts';
import { scatterSvg, type NamedPoint } from './scatter.ts';

const PAPER = 'Chen et al., ICML 2024';
/** Tables 5 and 6 hold what Figures 1 to 3 draw; Table 7 is of other models. */
const TABLES = [`${PAPER}, Table 5`, `${PAPER}, Table 6`];

/** Those for which there is a result, with Figure 6. */
export function paperFigures(models: readonly ReportModel[]): Figure[] {
  return [...parameterFigures(models), ...barFigures(models), ...attackFigures(models)];
}

/** Published values of one number, each model once. */
function published(benchmark: string, metric: string, protocol: string): Reference[] {
  const found = new Map<string, Reference>();
  for (const reference of references())
    if (
      reference.benchmark === benchmark &&
      reference.metric === metric &&
      protocol.startsWith(reference.protocol) &&
      TABLES.includes(reference.source)
    )
      found.set(reference.model, reference);
  return [...found.values()];
}

function isWhole({ protocol }: BenchmarkResult): boolean {
  return protocol.dataOrigin === 'release' && protocol.subset === 'all';
}

/** Figure 1: accuracy on ImageNet by the number of parameters. */
function parameterFigures(models: readonly ReportModel[]): Figure[] {
  const groups = new Map<string, { first: BenchmarkResult; points: NamedPoint[] }>();
  for (const [colour, model] of models.entries())
    for (const result of model.results.filter(({ isClean }) => isClean)) {
      const top1 = findMetric(result, 'top1');
      if (top1 === undefined || result.parameters === undefined) continue;
      const group = groups.get(dataKey(result)) ?? { first: result, points: [] };
      groups.set(dataKey(result), group);
      const { value: y, low, high } = top1;
      group.points.push({ name: model.name, x: result.parameters / 1e6, y, low, high, colour });
    }
  return [...groups.values()].map(({ first, points }): Figure => {
    const others = isWhole(first) ? published('val', 'top1', 'full1000').flatMap(publishedPoint) : [];
    const title = `Figure 1: ${first.name} top-1 by parameters`;
    const svg = scatterSvg({
      title,
      xLabel: 'parameters, millions',
      yLabel: 'top-1, %',
      points: [...points, ...others],
    });
    const rings =
      others.length === 0 ? '' : ` Rings are published (${TABLES[1] ?? ''}), with sizes of our registry.`;
    return {
      id: 'figure-1',
      title,
      caption: `${settingOf(first)}. Whiskers are 95 % intervals.${rings}`,
      svg,
    };
  });
}

function publishedPoint({ model, value }: Reference): NamedPoint[] {
  const ours = paperModel(model, 'table6');
  if (ours === undefined) return [];
  const parameters = countElements(createModel(ours.model).parameters, 'parameter');
  return [{ name: model, x: parameters / 1e6, y: value, colour: 0, isPublished: true }];
}

const BARS = [
  { id: 'figure-2a', number: '2a', benchmark: 'a', metric: 'top1', protocol: 'full1000' },
  { id: 'figure-2b', number: '2b', benchmark: 'c', metric: 'accuracy-19-severity-5', protocol: '19 corruptions, severity 5' },
  { id: 'figure-2c', number: '2c', benchmark: 'o', metric: 'aupr', protocol: 'softmax over 200' },
  { id: 'figure-3', number: '3', benchmark: 'r', metric: 'top1', protocol: 'full1000' },
] as const; // prettier-ignore

/** The columns that Figures 2 and 3 do not show. */
export function otherColumns(columns: readonly Column[]): Column[] {
  return columns.filter((column) => !BARS.some((bar) => isOf(column, bar)));
}

function isOf({ benchmark, metric, own }: Column, bar: (typeof BARS)[number]): boolean {
  return benchmark === bar.benchmark && metric === bar.metric && own.startsWith(bar.protocol);
}

/** Figures 2 and 3: bars of models, published ones as outlines. */
function barFigures(models: readonly ReportModel[]): Figure[] {
  const columns = columnsOf(models);
  return BARS.flatMap((bar) =>
    columns
      .filter((column) => isOf(column, bar))
      .map((column): Figure => {
        const { id, number, benchmark, metric, protocol } = bar;
        const known = column.setting === '' ? published(benchmark, metric, protocol) : [];
        const own = models.flatMap((model, colour) =>
          column.cells.filter((cell) => cell.model === model.name).map((cell) => ownRow(cell, colour)),
        );
        const others = known.map(({ model, value }): BarRow => ({
          label: `${model}, published`,
          colour: 0,
          value,
          text: value.toFixed(1),
          isPublished: true,
        }));
        const title = `Figure ${number}: ${column.benchmarkName} ${column.label}`;
        return {
          id,
          title,
          caption: barCaption(column, known),
          svg: rowChart({ title, rows: [...own, ...others], max: 100, unit: column.unit }),
        };
      }),
  );
}

function ownRow({ model: label, metric, isComplete }: Cell, colour: number): BarRow {
  const { value, low, high } = metric;
  return { label, colour, value, low, high, text: `${minus(value.toFixed(1))}${isComplete ? '' : '*'}` };
}

function barCaption({ protocol, cells }: Column, known: readonly Reference[]): string {
  const stars = cells.some(({ isComplete }) => !isComplete) ? ' * The evaluation is not whole.' : '';
  const outlines = known.length === 0 ? '' : ` Outlines are published (${PAPER}).`;
  return `${protocol}. In %, with 95 % intervals where they are known.${outlines}${stars}`;
}
