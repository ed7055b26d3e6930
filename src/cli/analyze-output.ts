import { formatMetric, minus } from '../report/columns.ts';
import { plotFigures } from '../report/plots.ts';
import { panelsSvg } from '../report/plot-svg.ts';
import type { Analysis } from '../robustness/analyses/analysis.ts';
import { errorConsistency, type ErrorConsistency } from '../robustness/analyses/consistency.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { groupProblems, partsText } from '../robustness/benchmarks/images/problems.ts';
import type { CurvePoint } from '../robustness/scoring/curve.ts';
import { modelsOf } from './models-of.ts';

interface Made {
  readonly checkpoint: string;
  readonly result: BenchmarkResult;
  readonly file: string;
}

/** Prints the results of one analysis; @returns its figure as an SVG file */
export function printResults(
  analysis: Analysis,
  made: readonly Made[],
  { json, preset, figure }: { readonly json?: boolean; readonly preset: string; readonly figure?: string },
): string {
  const models = modelsOf(made);
  const together = errorConsistency(models.map(({ name, results: [result] }) => ({ name, result })));
  if (json === true) {
    const results = made.map(({ checkpoint, result, file }) => {
      const { curves = [], parts, perClass: _, report: __, ...rest } = result;
      const points = curves.flatMap(({ name, plot, points: own }) =>
        own.map((point) => ({ curve: name, plot, ...point })),
      );
      const notes = parts.flatMap(({ name, note }) => (note === undefined ? [] : [{ point: name, note }]));
      return { checkpoint, ...rest, points, ...(notes.length > 0 && { notes }), file };
    });
    const text = {
      analysis: analysis.id,
      preset,
      results,
      ...(together.length > 0 && { errorConsistency: together }),
      ...(figure !== undefined && { figure }),
    };
    process.stdout.write(`${JSON.stringify(text)}\n`);
  } else for (const line of textOf(made, together, figure)) process.stdout.write(`${line}\n`);
  return panelsSvg(plotFigures(models));
}

function* textOf(
  made: readonly Made[],
  together: readonly ErrorConsistency[],
  figure: string | undefined,
): Generator<string> {
  for (const { result, file } of made) {
    const { name, model, items, protocol } = result;
    const looked =
      items.asked === 0
        ? protocol.dataOrigin
        : `${items.scored} of ${items.asked} images, ${protocol.dataOrigin}`;
    yield `${name} of ${model}: ${looked}`;
    yield `  ${protocol.settings ?? ''}`;
    for (const metric of result.metrics) {
      const { label, unit, protocol: own, correct, total } = metric;
      const counts = correct === undefined || total === undefined ? '' : `, ${correct} of ${total}`;
      yield `  ${label}  ${formatMetric(metric)} ${unit}  (${own}${counts})`;
    }
    yield* curvesText(result);
    for (const { label, why } of result.absent) yield `  ${label} not computed: ${why}`;
    for (const group of groupProblems(result.problems))
      yield `  ${group.kind}, ${partsText(group)}: ${group.what}`;
    yield `  ${file}`;
  }
  for (const { models, point, kappa, low, high } of together)
    yield `errors in common, ${models.join(' and ')}, ${point}: κ ${kappa.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
  if (figure !== undefined) yield figure;
}

const MOST_POINTS = 40;

function* curvesText({ curves = [] }: BenchmarkResult): Generator<string> {
  for (const { name, points, isDetail } of curves) {
    if (isDetail || points.length > MOST_POINTS) continue;
    yield `  ${name}`;
    for (const point of points) yield `    ${pointText(point)}`;
  }
}

function pointText({ x, y, low, high, min, max, correct, total, change }: CurvePoint): string {
  const digits = (value: number) => minus(value.toFixed(Math.abs(value) >= 1 || value === 0 ? 2 : 4));
  return [
    `${Number(x.toFixed(4))}`.padEnd(7),
    digits(y).padStart(7),
    ...(low === undefined || high === undefined ? [] : [`(${digits(low)}–${digits(high)})`]),
    ...(correct === undefined || total === undefined ? [] : [`${correct} of ${total}`]),
    ...(min === undefined || max === undefined ? [] : [`from ${digits(min)} to ${digits(max)}`]),
    ...(change === undefined ? [] : [`${change.value > 0 ? '+' : ''}${digits(change.value)} points`]),
  ].join('  ');
}
