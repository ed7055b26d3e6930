/**
 * Tables and figures of docs/study-kernel-size.md from result files:
 *   npx tsx scripts/kernel-study.ts <sweep folder> <folder of ResNet-20's results> <folder for figures>
 * Runs are named <kernel>-seed<n>.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readModels } from '../src/report/read-results.ts';
import { panelsSvg, plotSvg, type PlotLine, type PlotPoint } from '../src/report/plot-svg.ts';
import type { BenchmarkResult } from '../src/robustness/benchmarks/evaluation/result.ts';
import type { CurvePoint } from '../src/robustness/scoring/curve.ts';
import { summarise } from '../src/sweeps/statistics.ts';
import { defined } from '../src/util/errors.ts';

const [sweep = '', other = '', out = ''] = process.argv.slice(2);

/** A curve: which result has it, and what is drawn of its points. */
interface Panel {
  readonly benchmark: string;
  readonly curve: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly value: (point: CurvePoint) => PlotPoint;
}
const changed = ({ x, change }: CurvePoint): PlotPoint => {
  const { value, low, high } = defined(change, 'a change');
  return { x, y: value, low, high };
};
const grey = 255;
const PANELS: readonly Panel[] = [
  {
    ...{ benchmark: 'attack-pgd', curve: 'pgd', title: 'PGD, five steps of ε/4' },
    ...{ xLabel: 'ε, grey levels of 255', yLabel: 'top-1, %' },
    value: ({ x, y, low, high }) => ({ x: x * grey, y, low, high }),
  },
  {
    ...{ benchmark: 'occlusion', curve: 'random', title: 'Random patches dropped' },
    ...{ xLabel: 'share of the patches', yLabel: 'change of top-1, points' },
    value: changed,
  },
  {
    ...{ benchmark: 'frequency', curve: 'noise', title: 'Noise of one band of frequencies' },
    ...{ xLabel: 'centre of the band / π', yLabel: 'change of top-1, points' },
    value: changed,
  },
  {
    ...{ benchmark: 'erf', curve: 'contribution', title: 'Effective receptive field' },
    ...{ xLabel: 'share of the contribution, %', yLabel: 'share of the image, %' },
    value: ({ x, y, low, high }) => ({ x, y, low, high }),
  },
];

/** Empty where the result is not there. */
function pointsOf(results: readonly BenchmarkResult[], { benchmark, curve, value }: Panel): PlotPoint[] {
  const found = results.find((result) => result.benchmark === benchmark)?.curves;
  return found?.find(({ name }) => name === curve)?.points.map(value) ?? [];
}

async function resultsIn(folder: string): Promise<readonly BenchmarkResult[]> {
  return (await readModels([folder])).flatMap(({ results }) => results);
}

interface Run {
  readonly kernel: string;
  readonly results: readonly BenchmarkResult[];
}
const runs: Run[] = [];
for (const name of readdirSync(sweep)) {
  const kernel = /^(\d+)-seed\d+$/.exec(name)?.[1];
  const folder = join(sweep, name, 'robustness');
  if (kernel !== undefined && existsSync(folder)) runs.push({ kernel, results: await resultsIn(folder) });
}
runs.sort((a, b) => Number(a.kernel) - Number(b.kernel));
const kernels = [...new Set(runs.map(({ kernel }) => kernel))];
const resnet = await resultsIn(other);

const near = (a: number, b: number) => Math.abs(a - b) < 1e-6;
const pointAt = (results: readonly BenchmarkResult[], panel: Panel, x: number) =>
  pointsOf(results, panel).find((point) => near(point.x, x));
/** Of one kernel at one x: values of all seeds. */
const valuesAt = (kernel: string, panel: Panel, x: number) =>
  runs.filter((run) => run.kernel === kernel).flatMap(({ results }) => pointAt(results, panel, x)?.y ?? []);

/** A line for each kernel, with the range of its seeds, or of one seed with the interval over images. */
function linesOf(panel: Panel): PlotLine[] {
  const own = kernels.flatMap((kernel, colour): PlotLine[] => {
    const lines = runs
      .filter((run) => run.kernel === kernel)
      .map(({ results }) => pointsOf(results, panel))
      .filter(({ length }) => length > 0);
    const [first] = lines;
    if (first === undefined) return [];
    if (lines.length === 1) return [{ name: `kernel ${kernel}, one seed`, colour, points: first }];
    const points = first.map(({ x }) => {
      const values = valuesAt(kernel, panel, x);
      return { x, y: summarise(values).mean, low: Math.min(...values), high: Math.max(...values) };
    });
    return [{ name: `kernel ${kernel}, range of ${lines.length} seeds`, colour, points }];
  });
  const points = pointsOf(resnet, panel);
  return points.length === 0 ? own : [...own, { name: 'ResNet-20', colour: kernels.length, points }];
}

const digits = (value: number | undefined) =>
  value === undefined ? '–' : value.toFixed(1).replace('-', '−');

/** One row: every run with its 95 % interval over images, how far the means of kernels lie apart, and the seeds of one kernel. */
function rowOf(label: string, panel: Panel, x: number): string {
  const cell = (results: readonly BenchmarkResult[]) => {
    const { y, low, high } = pointAt(results, panel, x) ?? {};
    return low === undefined ? digits(y) : `${digits(y)} (${digits(low)} to ${digits(high)})`;
  };
  const values = kernels.map((kernel) => valuesAt(kernel, panel, x)).filter(({ length }) => length > 0);
  const span = (list: readonly number[]) => Math.max(...list) - Math.min(...list);
  const seeds = values.filter(({ length }) => length > 1).map(span);
  const cells = [
    ...runs.map(({ results }) => cell(results)),
    digits(span(values.map((of) => summarise(of).mean))),
    digits(seeds.length === 0 ? undefined : Math.max(...seeds)),
  ];
  return `| ${[label, ...cells, cell(resnet)].join(' | ')} |`;
}

const [pgd, occlusion, frequency, erf] = PANELS as [Panel, Panel, Panel, Panel];
const rows = [
  rowOf('top-1, unchanged images, %', pgd, 0),
  ...[1, 2].map((eps) => rowOf(`top-1 under PGD, ε = ${eps}/255, %`, pgd, eps)),
  ...[0.3, 0.5, 0.9].map((share) =>
    rowOf(`change, ${100 * share} % of the patches dropped`, occlusion, share),
  ),
  ...[0.2, 0.4, 0.7, 1].map((centre) => rowOf(`change, noise at ${centre}π`, frequency, centre)),
  ...[50, 99].map((share) => rowOf(`area of ${share} % of the contribution, %`, erf, share)),
];
process.stdout.write(
  [
    `| | ${runs.map(({ kernel }) => `kernel ${kernel}`).join(' | ')} | kernels span | seeds span | ResNet-20 |`,
    `| --- |${' ---: |'.repeat(runs.length + 3)}`,
    ...rows,
    '',
  ].join('\n'),
);
const panels = PANELS.map((panel) => {
  const { title, xLabel, yLabel } = panel;
  return { title, caption: '', svg: plotSvg({ title, xLabel, yLabel, lines: linesOf(panel) }) };
});
writeFileSync(join(out, 'study-kernel-size.svg'), panelsSvg(panels));
