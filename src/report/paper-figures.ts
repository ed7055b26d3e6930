/** Figures 1, 2, 3 and 6 of Chen et al. (ICML 2024), ours beside the published values. Figures 4 and 7 to 10 are those of the analyses. */
import { createModel } from '../models/registry.ts';
import { countElements } from '../nn/parameters.ts';
import { references, type Reference } from '../robustness/benchmarks/reference.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { findMetric } from '../robustness/benchmarks/evaluation/result.ts';
import type { CurvePoint } from '../robustness/scoring/curve.ts';
import { rowChart, type BarRow } from './bars.ts';
import { columnsOf, dataKey, minus, type Cell, type Column, type ReportModel } from './columns.ts';
import type { Figure } from './figures.ts';
import { paperModel } from './paper-models.ts';
import { plotSvg, type PlotLine, type PublishedPoint } from './plot-svg.ts';
import { scatterSvg, type NamedPoint } from './scatter.ts';

const PAPER = 'Chen et al., ICML 2024';
/** Tables 5 and 6 hold what Figures 1 to 3 draw; Table 7 is of other models. */
const TABLES = [`${PAPER}, Table 5`, `${PAPER}, Table 6`];

/** Those for which there is a result. */
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

function settingOf({ protocol }: BenchmarkResult): string {
  return [protocol.dataOrigin, ...(protocol.subset === 'all' ? [] : [protocol.subset])].join(', ');
}

const BARS = [
  { id: 'figure-2a', number: '2a', benchmark: 'a', metric: 'top1', protocol: 'full1000' },
  { id: 'figure-2b', number: '2b', benchmark: 'c', metric: 'accuracy-19-severity-5', protocol: '19 corruptions, severity 5' },
  { id: 'figure-2c', number: '2c', benchmark: 'o', metric: 'aupr', protocol: 'softmax over 200' },
  { id: 'figure-3', number: '3', benchmark: 'r', metric: 'top1', protocol: 'full1000' },
] as const; // prettier-ignore

/** Figures 2 and 3: bars of models, published ones as outlines. */
function barFigures(models: readonly ReportModel[]): Figure[] {
  const columns = columnsOf(models);
  return BARS.flatMap(({ id, number, benchmark, metric, protocol }) =>
    columns
      .filter(
        (column) =>
          column.benchmark === benchmark && column.metric === metric && column.own.startsWith(protocol),
      )
      .map((column): Figure => {
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

/** What the paper says of Figure 6 in numbers; it prints no others. */
const FGSM_POINT = { model: 'RepLKNet-31B', eps: 0.3, value: 35.7 } as const;

/** Figure 6: accuracy under FGSM and PGD by ε, and under PGD by the number of steps. */
function attackFigures(models: readonly ReportModel[]): Figure[] {
  const entries = models.flatMap((model, colour) =>
    model.results
      .filter(({ benchmark, curves = [] }) => /^attack-(fgsm|pgd)$/.test(benchmark) && curves.length > 0)
      .map((result) => ({ model, colour, result })),
  );
  const of = (benchmark: string) =>
    grouped(
      entries.filter(({ result }) => result.benchmark === benchmark),
      ({ result }) => dataKey(result),
    );
  return [
    ...of('attack-fgsm').flatMap((own) => epsFigure('6a', 'FGSM', own)),
    ...of('attack-pgd').flatMap((own) => epsFigure('6b', 'PGD', own)),
    ...stepFigures(entries.filter(({ result }) => result.benchmark === 'attack-pgd')),
  ];
}

interface Entry {
  readonly model: ReportModel;
  readonly colour: number;
  readonly result: BenchmarkResult;
}

function grouped(entries: readonly Entry[], keyOf: (entry: Entry) => string): Entry[][] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) groups.set(keyOf(entry), [...(groups.get(keyOf(entry)) ?? []), entry]);
  return [...groups.values()];
}

/** None of results at a single ε: those are points of Figure 6c, and no curve. */
function epsFigure(number: string, attack: string, all: readonly Entry[]): Figure[] {
  const entries = all.filter(({ result }) => positive(result).length > 1);
  const [first] = entries;
  if (first === undefined) return [];
  const title = `Figure ${number}: top-1 under ${attack} by ε`;
  const lines = entries.map(({ model, colour, result }, mark): PlotLine => ({
    name: model.name,
    colour,
    mark,
    points: result.curves?.[0]?.points ?? [],
  }));
  const isPixel = first.result.protocol.settings?.includes('ε in pixels') === true;
  const rings: PublishedPoint[] = entries.flatMap(({ model, colour }) =>
    attack === 'FGSM' &&
    isPixel &&
    (model.paperName ?? model.name).toLowerCase() === FGSM_POINT.model.toLowerCase()
      ? [
          {
            x: FGSM_POINT.eps,
            y: FGSM_POINT.value,
            colour,
            words: `published: ${FGSM_POINT.value} (${PAPER}, section 4.2)`,
          },
        ]
      : [],
  );
  const words =
    attack === 'FGSM'
      ? ` Published at ε ${FGSM_POINT.eps}: ${FGSM_POINT.model} ${FGSM_POINT.value}, ViT and ResNet-50 about 0 (${PAPER}, section 4.2).`
      : ` The paper gives no numbers, but says that RepLKNet lies above ViT and ResNet-50.`;
  return [
    {
      id: `figure-${number}`,
      title,
      caption: `${settingOf(first.result)}; ${first.result.protocol.settings ?? ''}. Bands are 95 % intervals.${words}`,
      svg: plotSvg({
        title,
        xLabel: `ε, ${isPixel ? 'pixels of [0, 1]' : 'normalised values'}`,
        yLabel: 'top-1, %',
        lines,
        published: rings,
        yMin: 0,
      }),
    },
  ];
}

/** Points of a curve over ε without its beginning, which is no attack. */
function positive({ curves }: BenchmarkResult): readonly CurvePoint[] {
  return curves?.[0]?.points.filter(({ x }) => x > 0) ?? [];
}

const STEPS = /\bsteps (\d+)/;

/** Results of PGD that differ in the number of steps alone, at every ε that all of them have. */
function stepFigures(entries: readonly Entry[]): Figure[] {
  const settings = ({ result }: Entry) => result.protocol.settings ?? '';
  const stepsOf = (entry: Entry) => Number(STEPS.exec(settings(entry))?.[1] ?? NaN);
  const alike = grouped(entries, (entry) =>
    dataKey({
      ...entry.result,
      protocol: { ...entry.result.protocol, settings: settings(entry).replace(STEPS, 'steps') },
    }),
  );
  return alike.flatMap((own) => {
    if (new Set(own.map(stepsOf)).size < 2) return [];
    const pointAt = ({ result }: Entry, eps: number): CurvePoint | undefined =>
      result.curves?.[0]?.points.find(({ x }) => x === eps);
    const all = new Set(own.flatMap(({ result }) => (result.curves?.[0]?.points ?? []).map(({ x }) => x)));
    const shared = [...all].filter(
      (eps) => eps > 0 && own.every((entry) => pointAt(entry, eps) !== undefined),
    );
    return shared
      .sort((a, b) => a - b)
      .map((eps): Figure => {
        const title = `Figure 6c: top-1 under PGD by steps, ε ${eps}`;
        const lines = grouped(own, ({ model }) => model.name).map((runs, mark): PlotLine => {
          const sorted = [...runs].sort((a, b) => stepsOf(a) - stepsOf(b));
          const [first] = sorted as [Entry, ...Entry[]];
          const points = sorted.map((entry) => ({
            ...(pointAt(entry, eps) as CurvePoint),
            x: stepsOf(entry),
          }));
          return { name: first.model.name, colour: first.colour, mark, points };
        });
        const [first] = own as [Entry, ...Entry[]];
        return {
          id: `figure-6c-${eps}`,
          title,
          caption: `${settingOf(first.result)}; ${settings(first).replace(STEPS, 'steps as drawn')}. Bands are 95 % intervals. The paper has ε 0.006 and gives no numbers.`,
          svg: plotSvg({ title, xLabel: 'steps', yLabel: 'top-1, %', lines, yMin: 0 }),
        };
      });
  });
}
