import { withoutFigure6 } from './attack-figures.ts';
import { columnsOf, type ReportModel } from './columns.ts';
import { metricFigures } from './figures.ts';
import { otherColumns, paperFigures } from './paper-figures.ts';
import { panelsSvg } from './plot-svg.ts';
import { plotFigures } from './plots.ts';

/** Figures of the paper that are those of an analysis. */
const NUMBERS: Readonly<Record<string, number>> = {
  occlusion: 4,
  lesion: 7,
  frequency: 8,
  'kernel-distance': 9,
  variance: 10,
};

/** Every figure of the report as an SVG file of its own, with its colours inside. @returns names of files and their text */
export function standaloneFigures(models: readonly ReportModel[]): [name: string, svg: string][] {
  const numbered = plotFigures(withoutFigure6(models)).map((figure) => {
    const analysis = Object.keys(NUMBERS).find((name) => figure.id.startsWith(`${name}-`));
    return analysis === undefined
      ? figure
      : { ...figure, id: `figure-${NUMBERS[analysis] ?? ''}-${figure.id}` };
  });
  const used = new Map<string, number>();
  return [
    ...paperFigures(models),
    ...numbered,
    ...metricFigures(otherColumns(columnsOf(models)), models),
  ].map((figure) => {
    const id = figure.id.replace(/[^\w.-]+/g, '-');
    const count = (used.get(id) ?? 0) + 1;
    used.set(id, count);
    return [`${id}${count === 1 ? '' : `-${count}`}.svg`, panelsSvg([figure])];
  });
}
