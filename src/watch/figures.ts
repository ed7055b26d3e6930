/** The curves as SVG: for paper, and where scripts do not run. */
import { plotSvg, type PlotLine } from '../report/plot-svg.ts';
import { evaluationsOf } from './view.ts';
import type { RunView, SeriesName } from './wire.ts';

/** Lines that a printed figure can tell apart. */
export const PRINTED = 12;
/** Points of a printed line. */
const FINE = 300;

/** One figure of the page; the ids are those that the page's script draws. */
export interface WatchFigure {
  readonly id: string;
  readonly title: string;
  readonly svg: string;
}

export function watchFigures(runs: readonly RunView[]): WatchFigure[] {
  const shown = runs.slice(0, PRINTED);
  const steps = (id: SeriesName, title: string, yLabel: string) =>
    figure(
      id,
      title,
      yLabel,
      shown.map((run, colour) => stepLine(run, id, colour)),
    );
  return [
    steps('loss', 'Training loss', 'loss'),
    figure('top1', 'Accuracy on the evaluation images', 'top-1 %', evaluationLines(shown, 'top1', 100)),
    figure('evaluationLoss', 'Loss on the evaluation images', 'loss', evaluationLines(shown, 'loss', 1)),
    steps('gradNorm', 'Gradient norm', 'L2 norm'),
    steps('lr', 'Learning rate', 'rate'),
    steps('imagesPerSecond', 'Speed', 'images/s'),
  ];
}

function figure(id: string, title: string, yLabel: string, lines: readonly PlotLine[]): WatchFigure {
  const drawn = lines.filter(({ points }) => points.length > 0);
  return { id, title, svg: plotSvg({ title, xLabel: 'step', yLabel, lines: drawn, isDense: true }) };
}

function stepLine({ name, points: { x, series } }: RunView, id: SeriesName, colour: number): PlotLine {
  const { y } = series[id];
  const every = Math.ceil(x.length / FINE);
  const points = x.flatMap((step, i) => {
    const value = y[i] ?? null;
    const isShown = i % every === 0 || i === x.length - 1;
    return isShown && value !== null ? [{ x: step, y: value }] : [];
  });
  return { name, colour, points };
}

/** Raw weights, and averaged ones where there are any, of each run. */
function evaluationLines(runs: readonly RunView[], value: 'top1' | 'loss', factor: number): PlotLine[] {
  return runs.flatMap((run, colour) =>
    (['raw', 'ema'] as const).flatMap((weights): PlotLine[] => {
      const own = evaluationsOf(run, weights);
      const name = weights === 'ema' ? `${run.name}, averaged (EMA)` : run.name;
      const points = own.map((each) => ({ x: each.step, y: factor * each[value] }));
      const mark = weights === 'ema' ? colour + 1 : colour;
      return own.length === 0 ? [] : [{ name, colour, mark, points }];
    }),
  );
}
