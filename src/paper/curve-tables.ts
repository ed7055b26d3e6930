/** The data of curves as tables: models down, x across. */
import type { Curve, CurvePoint, Plot } from '../robustness/scoring/curve.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { dataWords } from './columns.ts';
import type { Row, Table } from './document.ts';
import type { Estimate } from './estimate.ts';
import { showMeasured } from './format.ts';
import { dataSides, measure, settingsOf, type Subject } from './subjects.ts';

/** Columns at most: of denser curves evenly spaced points. */
const MOST = 10;

export function curveTables(subjects: readonly Subject[], benchmarks: readonly string[]): Table[] {
  const sides = dataSides(subjects, benchmarks);
  return sides.flatMap((side) =>
    (side.example.report.plots ?? []).flatMap((plot): Table[] => {
      const names = namesOf(side.example, plot);
      const xs = spaced(
        side.results.flatMap((result) =>
          names.flatMap((name) => pointsOf(result, plot, name).map(({ x }) => x)),
        ),
      );
      if (xs.length === 0) return [];
      const rows = subjects.flatMap((subject) =>
        names.flatMap((name): Row[] => {
          const cells = xs.map((x) => {
            const found = measure(subject, side, (result) => valueAt(pointsOf(result, plot, name), x, plot));
            return found === undefined ? { none: '–' } : { ours: showMeasured(found, digitsOf(plot)) };
          });
          if (cells.every(({ ours }) => ours === undefined)) return [];
          return [{ name: subject.name, ...(names.length > 1 ? { small: name } : {}), cells }];
        }),
      );
      const caption = [plot.title, plot.yLabel, dataWords(side.example) + settingsOf(side, sides)]
        .filter((words) => words !== '')
        .join('; ');
      const columns = xs.map((x) => ({ label: String(Number(x.toPrecision(4))) }));
      return rows.length === 0
        ? []
        : [{ caption, columns, rows, notes: [`Across: ${plot.xLabel}.`], todos: [] }];
    }),
  );
}

function namesOf({ curves = [] }: BenchmarkResult, plot: Plot): string[] {
  return curves.filter((curve) => isShown(curve, plot)).map(({ name }) => name);
}

function isShown({ plot, isDetail }: Curve, { id }: Plot): boolean {
  return plot === id && isDetail !== true;
}

function pointsOf({ curves = [] }: BenchmarkResult, plot: Plot, name: string): readonly CurvePoint[] {
  return curves.find((curve) => isShown(curve, plot) && curve.name === name)?.points ?? [];
}

function digitsOf({ yLabel }: Plot): number {
  return yLabel.includes('%') || yLabel.includes('points') ? 1 : 3;
}

/** The nearest point, where curves of other models have other x. */
function valueAt(points: readonly CurvePoint[], x: number, { value }: Plot): Estimate | undefined {
  const found = [...points].sort((a, b) => Math.abs(a.x - x) - Math.abs(b.x - x))[0];
  if (found === undefined || Math.abs(found.x - x) > 0.06) return undefined;
  if (value === 'change' && found.change !== undefined) return found.change;
  return { value: found.y, low: found.low, high: found.high };
}

function spaced(xs: readonly number[]): number[] {
  const sorted = [...new Set(xs)].sort((a, b) => a - b);
  if (sorted.length <= MOST) return sorted;
  return Array.from(
    { length: MOST },
    (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (MOST - 1))] as number,
  );
}
