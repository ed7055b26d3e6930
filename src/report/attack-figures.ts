/** Figure 6 of Chen et al. (ICML 2024): accuracy under FGSM and PGD by ε, and under PGD by the number of steps. */
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import type { CurvePoint } from '../robustness/scoring/curve.ts';
import { settingOf, type ReportModel } from './columns.ts';
import type { Figure } from './figures.ts';
import { plotSvg, type PlotLine, type PublishedPoint } from './plot-svg.ts';
import { plotKey } from './plots.ts';

const PAPER = 'Chen et al., ICML 2024';
/** What the paper says of it in numbers; it prints no others. */
const FGSM_POINT = { model: 'RepLKNet-31B', eps: 0.3, value: 35.7 } as const;

interface Entry {
  readonly model: ReportModel;
  readonly colour: number;
  readonly result: BenchmarkResult;
}

/** Figures 6a, 6b and 6c, as far as there are results. */
export function attackFigures(models: readonly ReportModel[]): Figure[] {
  const entries = entriesOf(models);
  return [
    ...epsGroups(entries, 'attack-fgsm').map((own) => epsFigure('6a', 'FGSM', own)),
    ...epsGroups(entries, 'attack-pgd').map((own) => epsFigure('6b', 'PGD', own)),
    ...stepGroups(entries).flatMap(stepFigures),
  ];
}

/** The models with the results that Figure 6 does not show. */
export function withoutFigure6(models: readonly ReportModel[]): ReportModel[] {
  const entries = entriesOf(models);
  const groups = [
    ...epsGroups(entries, 'attack-fgsm'),
    ...epsGroups(entries, 'attack-pgd'),
    ...stepGroups(entries).map(({ own }) => own),
  ];
  const shown = new Set(groups.flat().map(({ result }) => result));
  return models.map((model) => ({ ...model, results: model.results.filter((result) => !shown.has(result)) }));
}

function entriesOf(models: readonly ReportModel[]): Entry[] {
  return models.flatMap((model, colour) =>
    model.results
      .filter(({ benchmark, curves = [] }) => /^attack-(fgsm|pgd)$/.test(benchmark) && curves.length > 0)
      .map((result) => ({ model, colour, result })),
  );
}

/** None of results at a single ε: those are points of Figure 6c, and no curve. */
function epsGroups(entries: readonly Entry[], benchmark: string): Entry[][] {
  const own = entries.filter(({ result }) => result.benchmark === benchmark && positive(result).length > 1);
  return grouped(own, ({ result }) => plotKey(result));
}

function grouped(entries: readonly Entry[], keyOf: (entry: Entry) => string): Entry[][] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) groups.set(keyOf(entry), [...(groups.get(keyOf(entry)) ?? []), entry]);
  return [...groups.values()];
}

function epsFigure(number: string, attack: string, entries: readonly Entry[]): Figure {
  const [first] = entries as [Entry, ...Entry[]];
  const title = `Figure ${number}: top-1 under ${attack} by ε`;
  const isPixel = first.result.protocol.settings?.includes('ε in pixels') === true;
  // The paper attacks models of ImageNet.
  const isKnown = first.result.classes === 1000;
  const published =
    isKnown && isWhole(first) && attack === 'FGSM' && isPixel ? entries.flatMap(publishedPoint) : [];
  const words = !isKnown
    ? ''
    : attack === 'FGSM'
      ? `Published at ε ${FGSM_POINT.eps}: ${FGSM_POINT.model} ${FGSM_POINT.value}, ViT and ResNet-50 about 0 (${PAPER}, section 4.2).`
      : 'The paper gives no numbers, but says that RepLKNet lies above ViT and ResNet-50.';
  const xLabel = `ε, ${isPixel ? 'pixels of [0, 1]' : 'normalised values'}`;
  const lines = linesOf(entries, ({ result }) => result.curves?.[0]?.points ?? []);
  return {
    id: `figure-${number}`,
    title,
    caption: captionOf(first, settingsOf(first), words),
    svg: plotSvg({ title, xLabel, yLabel: 'top-1, %', lines, published, yMin: 0 }),
  };
}

/** All of ImageNet's validation images, as the paper has them. */
function isWhole({ result }: Entry): boolean {
  return result.curves?.[0]?.points[0]?.total === 50_000;
}

function publishedPoint({ model, colour }: Entry): PublishedPoint[] {
  const { model: name, eps, value } = FGSM_POINT;
  if ((model.paperName ?? model.name).toLowerCase() !== name.toLowerCase()) return [];
  return [{ x: eps, y: value, colour, words: `published: ${value} (${PAPER}, section 4.2)` }];
}

/** A line for each model, through the points of all its results: where two have the same x, they have the same images and settings. */
function linesOf(entries: readonly Entry[], pointsOf: (entry: Entry) => readonly CurvePoint[]): PlotLine[] {
  return grouped(entries, ({ model }) => model.name).map((own, mark): PlotLine => {
    const [{ model, colour }] = own as [Entry, ...Entry[]];
    const points = new Map(own.flatMap(pointsOf).map((point) => [point.x, point]));
    return { name: model.name, colour, mark, points: [...points.values()].sort((a, b) => a.x - b.x) };
  });
}

function captionOf({ result }: Entry, settings: string, words: string): string {
  return `${settingOf(result)}; ${settings}. Bands are 95 % intervals. ${words}`.trim();
}

/** Points of a curve over ε without its beginning, which is no attack. */
function positive({ curves }: BenchmarkResult): readonly CurvePoint[] {
  return curves?.[0]?.points.filter(({ x }) => x > 0) ?? [];
}

function settingsOf({ result }: Entry): string {
  return result.protocol.settings ?? '';
}

const STEPS = /\bsteps (\d+)/;

function stepsOf(entry: Entry): number {
  return Number(STEPS.exec(settingsOf(entry))?.[1] ?? NaN);
}

/** Results of PGD that differ in the number of steps alone, and the ε that all of them have. */
interface StepGroup {
  readonly own: Entry[];
  readonly epsilons: readonly number[];
}

function stepGroups(entries: readonly Entry[]): StepGroup[] {
  const pgd = entries.filter(({ result }) => result.benchmark === 'attack-pgd');
  const alike = grouped(pgd, (entry) => {
    const { protocol } = entry.result;
    return plotKey({
      ...entry.result,
      protocol: { ...protocol, settings: settingsOf(entry).replace(STEPS, 'steps') },
    });
  });
  return alike.flatMap((own): StepGroup[] => {
    const [first] = own as [Entry, ...Entry[]];
    const epsilons = positive(first.result)
      .map(({ x }) => x)
      .filter((eps) => own.every(({ result }) => positive(result).some(({ x }) => x === eps)));
    return epsilons.length === 0 || new Set(own.map(stepsOf)).size < 2 ? [] : [{ own, epsilons }];
  });
}

function stepFigures({ own, epsilons }: StepGroup): Figure[] {
  const [first] = own as [Entry, ...Entry[]];
  return epsilons.map((eps): Figure => {
    const title = `Figure 6c: top-1 under PGD by steps, ε ${eps}`;
    const lines = linesOf(own, (entry) =>
      positive(entry.result)
        .filter(({ x }) => x === eps)
        .map((point) => ({ ...point, x: stepsOf(entry) })),
    );
    const settings = settingsOf(first).replace(STEPS, 'steps as drawn');
    return {
      id: `figure-6c-${eps}`,
      title,
      caption: captionOf(
        first,
        settings,
        first.result.classes === 1000 ? 'The paper has ε 0.006 and gives no numbers.' : '',
      ),
      svg: plotSvg({ title, xLabel: 'steps', yLabel: 'top-1, %', lines, yMin: 0 }),
    };
  });
}
