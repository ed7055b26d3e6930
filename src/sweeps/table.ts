/** table.md, table.csv, table.json and plot.svg of a sweep. */
import { join } from 'node:path';
import { minus } from '../report/columns.ts';
import { csvTable, markdownTable } from '../report/tables.ts';
import { writeFileAtomic } from '../util/files.ts';
import { showKernels } from './cost.ts';
import type { MetricTable, PointSummary, Row, SweepResults } from './results.ts';
import { plotSvg, seriesOf } from './plot.ts';
import type { SweepRuns } from './runs.ts';
import { describeEffect, effectOf } from './statistics.ts';

/** Writes the four files into the sweep's folder; the plot only once something was measured. @returns their paths */
export async function writeTables(runs: SweepRuns, results: SweepResults): Promise<string[]> {
  const files: [string, string][] = [
    ['table.md', markdownOf(runs, results)],
    ['table.csv', csvOf(runs, results)],
    ['table.json', `${JSON.stringify(jsonOf(runs, results), null, 2)}\n`],
  ];
  const [main] = results.tables;
  if (main !== undefined) files.push(['plot.svg', plotOf(runs, main)]);
  const paths = files.map(([name]) => join(runs.root, name));
  for (const [name, text] of files) await writeFileAtomic(join(runs.root, name), text);
  return paths;
}

/** For people. */
export function markdownOf(runs: SweepRuns, results: SweepResults): string {
  const { sweep } = runs;
  const parts = [`# ${sweep.name}\n`, ...(sweep.description === '' ? [] : [`${sweep.description}\n`])];
  const [main] = results.tables;
  if (main !== undefined) parts.push(`![${main.info.label} by ${sweep.axis}](plot.svg)\n`);
  for (const table of results.tables) parts.push(metricSection(runs, results, table));
  if (results.tables.length === 0) parts.push('No run has finished.\n');
  else if (runs.sweep.seeds.length > 1)
    parts.push('± is the 95 % interval of the mean over seeds (Student’s t).\n');
  if (results.unmeasured.length > 0) parts.push(`Not measured: ${results.unmeasured.join(', ')}.\n`);
  const [first] = results.points;
  const maps = first?.cost?.stages.map(({ map: [h, w] }) => `${h}×${w}`).join(', ');
  parts.push(`## Cost\n\n${costTable(sweep.axis, results.points)}`);
  if (maps !== undefined && maps !== '')
    parts.push(
      `Maps of the stages: ${maps} pixels. Effective is what of a kernel can meet the image: min(k, 2·side − 1). Multiply-adds are of one image, forward: live ones meet the image, nominal ones are what papers count. Seconds per step are the median of the logged steps.\n`,
    );
  const open = results.points.flatMap(({ runs: own }) =>
    own.flatMap(({ run, state }) => (state.kind === 'finished' ? [] : [`${run.id}: ${stateWords(state)}`])),
  );
  if (open.length > 0)
    parts.push(`## Runs without a result\n\n${open.map((line) => `- ${line}\n`).join('')}`);
  return parts.join('\n');
}

function metricSection(runs: SweepRuns, { points }: SweepResults, { info, rows }: MetricTable): string {
  const { benchmark, label, protocol, unit, better } = info;
  const hasPaper = rows.some(({ paper }) => paper !== undefined);
  const header = [
    runs.sweep.axis,
    'weights',
    `${label}${unit === '' ? '' : `, ${unit}`} ${better === 'higher' ? '↑' : '↓'}`,
    'seeds',
    ...(hasPaper ? ['published', 'difference'] : []),
  ];
  const body = rows.map((row) => [
    row.point,
    row.weights,
    showSample(row),
    String(row.sample.values.length),
    ...(hasPaper ? [row.paper === undefined ? '–' : String(row.paper.value), difference(row)] : []),
  ]);
  const sources = [...new Set(rows.flatMap(({ paper }) => (paper === undefined ? [] : [paper.source])))];
  const published =
    sources.length === 0
      ? ''
      : `\nPublished: ${sources.join('; ')}. Which weights the published value is of is not always stated.\n`;
  const words = unit === '%' ? 'points' : unit;
  const effects = (['raw', 'ema'] as const).flatMap((weights) => {
    const effect = effectOf(rowsOf(rows, weights).map(({ point, sample }) => ({ label: point, sample })));
    return effect === undefined ? [] : [`- ${weights}: ${describeEffect(effect, words)}\n`];
  });
  const missing = points.filter(({ point }) => rows.every((row) => row.point !== point.label));
  const lacks =
    missing.length === 0
      ? ''
      : `\nWithout a result: ${missing.map(({ point }) => point.label).join(', ')}.\n`;
  const noise = effects.length === 0 ? '' : `\nEffect beside noise:\n\n${effects.join('')}`;
  return `## ${benchmark}: ${label} (${protocol})\n\n${markdownTable(header, body)}${published}${lacks}${noise}`;
}

function rowsOf(rows: readonly Row[], weights: Row['weights']): Row[] {
  return rows.filter((row) => row.weights === weights);
}

function showSample({ sample: { mean, low, high } }: Row): string {
  const interval = low === undefined || high === undefined ? '' : ` ± ${((high - low) / 2).toFixed(2)}`;
  return `${minus(mean.toFixed(2))}${interval}`;
}

function difference({ sample, paper }: Row): string {
  if (paper === undefined) return '–';
  const value = sample.mean - paper.value;
  return `${value > 0 ? '+' : ''}${minus(value.toFixed(2))}`;
}

function costTable(axis: string, points: readonly PointSummary[]): string {
  const header = [
    axis, 'kernels', 'effective', 'multiply-adds live, M', 'nominal, M', 'parameters, M', 's/step',
  ]; // prettier-ignore
  const mega = (count: number | undefined) => (count === undefined ? '–' : (count / 1e6).toFixed(2));
  return markdownTable(
    header,
    points.map(({ point, cost, secondsPerStep }) => [
      point.label,
      showKernels(cost?.stages ?? [], 'nominal'),
      showKernels(cost?.stages ?? [], 'effective'),
      mega(cost?.macs.live),
      mega(cost?.macs.nominal),
      mega(cost?.parameters),
      secondsPerStep === undefined ? '–' : secondsPerStep.toPrecision(3),
    ]),
  );
}

function stateWords(state: PointSummary['runs'][number]['state']): string {
  switch (state.kind) {
    case 'new':
      return 'not begun';
    case 'part':
      return `stopped after step ${state.step}`;
    case 'running':
      return `held by process ${state.pid} on ${state.host}`;
    case 'failed': {
      const { stage, exitCode, signal, message } = state.failure;
      const how = exitCode ?? signal;
      return `failed in ${stage}${how === null ? '' : ` (exit ${how})`}: ${message.replaceAll('\n', ' ')}`;
    }
    case 'finished':
      return 'finished';
  }
}

/** One line per point, metric and weights: for spreadsheets. */
export function csvOf(runs: SweepRuns, results: SweepResults): string {
  const header = [
    runs.sweep.axis, 'benchmark', 'metric', 'protocol', 'weights', 'seeds', 'mean', 'sd', 'low95', 'high95',
    'unit', 'better', 'published', 'difference', 'source', 'kernels', 'effective', 'macs_live', 'macs_nominal',
    'parameters', 'seconds_per_step',
  ]; // prettier-ignore
  const rows = results.tables.flatMap(({ info, rows: own }) =>
    own.map(({ point, weights, sample, paper }) => {
      const summary = results.points.find((other) => other.point.label === point);
      const cost = summary?.cost;
      return [
        point, info.benchmark, info.id, info.protocol, weights, sample.values.length, sample.mean,
        sample.sd ?? '', sample.low ?? '', sample.high ?? '', info.unit, info.better, paper?.value ?? '',
        paper === undefined ? '' : Number((sample.mean - paper.value).toFixed(6)), paper?.source ?? '',
        showKernels(cost?.stages ?? [], 'nominal'), showKernels(cost?.stages ?? [], 'effective'),
        cost?.macs.live ?? '', cost?.macs.nominal ?? '', cost?.parameters ?? '', summary?.secondsPerStep ?? '',
      ]; // prettier-ignore
    }),
  );
  return csvTable(header, rows);
}

/** Everything, for programs. */
export function jsonOf({ sweep, runs }: SweepRuns, results: SweepResults): unknown {
  return {
    format: 1,
    name: sweep.name,
    description: sweep.description,
    recipe: sweep.recipe,
    axis: sweep.axis,
    seeds: sweep.seeds,
    points: results.points.map(({ point, cost, secondsPerStep, runs: own }) => ({
      label: point.label,
      settings: Object.fromEntries(point.set.map(({ key, text }) => [key, JSON.parse(text) as unknown])),
      cost: cost ?? null,
      secondsPerStep: secondsPerStep ?? null,
      runs: own.map(({ run, state }) => ({ id: run.id, seed: run.seed, recipeHash: run.hash, ...state })),
    })),
    metrics: results.tables.map(({ info, rows }) => ({
      ...info,
      rows: rows.map(({ sample, ...row }) => ({ ...row, paper: row.paper ?? null, ...sample })),
      effects: Object.fromEntries(
        (['raw', 'ema'] as const).flatMap((weights) => {
          const effect = effectOf(
            rowsOf(rows, weights).map(({ point, sample }) => ({ label: point, sample })),
          );
          return effect === undefined ? [] : [[weights, effect]];
        }),
      ),
    })),
    unmeasured: results.unmeasured,
    unfinished:
      runs.length - results.points.flatMap((p) => p.runs).filter((r) => r.state.kind === 'finished').length,
  };
}

/** Means with intervals and single seeds of each set of weights, published values beside. */
export function plotOf({ sweep }: SweepRuns, table: MetricTable): string {
  const title = `${sweep.name}: ${table.info.label} by ${sweep.axis} (${seriesOf(table).join(', ')})`;
  return plotSvg({ title, xLabel: sweep.axis, points: sweep.points.map(({ label }) => label), table });
}
