/** The numbers of a sweep: read from the run folders, grouped by point, with the published value beside. */
import { join } from 'node:path';
import { columnsOf } from '../report/columns.ts';
import { BENCHMARKS } from '../robustness/benchmarks/records.ts';
import { referencesFor } from '../robustness/benchmarks/reference.ts';
import { RESULT } from '../robustness/benchmarks/evaluation/result.ts';
import type { Metric } from '../robustness/scoring/metric.ts';
import { readMetrics, type MetricsRecord } from '../training/log/metrics-log.ts';
import { exists } from '../util/files.ts';
import { readSealed } from '../util/sealed.ts';
import type { PointCost } from './cost.ts';
import { evaluationFolder, furtherBenchmarks } from './execute.ts';
import type { SweepRun, SweepRuns } from './runs.ts';
import { damagedState, isOfOneFile, stateOf, type RunState } from './state.ts';
import { summarise, type Sample } from './statistics.ts';
import type { Point } from './sweep.ts';

/** Whose numbers these are. `raw, best epoch` is chosen on the evaluation images, so it is biased upwards. */
export type WeightsColumn = 'raw' | 'ema' | 'raw, best epoch';

export type MetricInfo = Pick<Metric, 'id' | 'label' | 'protocol' | 'unit' | 'better'> & {
  readonly benchmark: string;
};

export interface Measurement {
  readonly info: MetricInfo;
  readonly weights: WeightsColumn;
  readonly value: number;
  /** Measured on the images of the published numbers: the release, all of it. */
  readonly isComparable: boolean;
}

/** One point under one metric and one set of weights. */
export interface Row {
  readonly point: string;
  readonly weights: WeightsColumn;
  readonly sample: Sample;
  readonly seeds: readonly number[];
  readonly paper: { readonly value: number; readonly source: string } | undefined;
}

export interface MetricTable {
  readonly info: MetricInfo;
  readonly rows: readonly Row[];
}

export interface PointSummary {
  readonly point: Point;
  readonly cost: PointCost | undefined;
  /** Median over all logged steps of all seeds. */
  readonly secondsPerStep: number | undefined;
  readonly runs: readonly { readonly run: SweepRun; readonly state: RunState }[];
}

export interface SweepResults {
  readonly points: readonly PointSummary[];
  readonly tables: readonly MetricTable[];
  /** Benchmarks that the sweep names and no run has a result of. */
  readonly unmeasured: readonly string[];
}

/** Reads everything that finished runs have measured. @param costs by label of the point */
export async function readResults(
  runs: SweepRuns,
  costs: ReadonlyMap<string, PointCost>,
): Promise<SweepResults> {
  const points: PointSummary[] = [];
  const measured: { run: SweepRun; measurement: Measurement }[] = [];
  for (const point of runs.sweep.points) {
    const own = runs.runs.filter((run) => run.point === point);
    const states = [];
    const seconds: number[] = [];
    for (const run of own) {
      const { state, log, measurements } = await readRun(runs, run);
      states.push({ run, state });
      seconds.push(...stepSeconds(log, run.recipe.batch.size));
      measured.push(...measurements.map((measurement) => ({ run, measurement })));
    }
    points.push({ point, cost: costs.get(point.label), secondsPerStep: median(seconds), runs: states });
  }
  const tables = tablesOf(runs, measured);
  const unmeasured = runs.sweep.evaluations.filter((id) => tables.every(({ info }) => info.benchmark !== id));
  return { points, tables, unmeasured };
}

interface ReadRun {
  readonly state: RunState;
  readonly log: readonly MetricsRecord[];
  readonly measurements: readonly Measurement[];
}

/** Results of one run. A run with a damaged file contributes nothing to the tables. */
async function readRun(runs: SweepRuns, run: SweepRun): Promise<ReadRun> {
  const state = await stateOf(run);
  const failed = (failure: RunState): ReadRun => ({ state: failure, log: [], measurements: [] });
  const damage: string[] = [];
  try {
    const { metrics } = run.folder;
    const log = (await exists(metrics)) ? await readMetrics(metrics, (what) => damage.push(what)) : [];
    if (damage.length > 0) return failed(damagedState({ message: damage.join('; ') }));
    if (state.kind !== 'finished') return { state, log, measurements: [] };
    const own = validation(log, run.recipe.data.dataset);
    return { state, log, measurements: [...own, ...(await benchmarkMeasurements(runs, run))] };
  } catch (error) {
    if (isOfOneFile(error)) return failed(damagedState(error, 'evaluate'));
    throw error;
  }
}

/** Results from training itself: both weights at the last epoch, and the raw weights at their best epoch. */
export function validation(log: readonly MetricsRecord[], dataset: string): Measurement[] {
  const evaluations = log.filter((record) => record.kind === 'evaluation');
  const last = Math.max(...evaluations.map(({ step }) => step));
  const info: MetricInfo = {
    benchmark: 'val',
    id: 'top1',
    label: 'top-1',
    protocol: dataset === 'imagenet' ? 'full1000' : dataset,
    unit: '%',
    better: 'higher',
  };
  const result: Measurement[] = [];
  for (const weights of ['raw', 'ema'] as const) {
    const found = evaluations.find((record) => record.step === last && record.weights === weights);
    if (found !== undefined) result.push({ info, weights, value: 100 * found.top1, isComparable: true });
  }
  const raw = evaluations.filter(({ weights }) => weights === 'raw').map(({ top1 }) => 100 * top1);
  if (raw.length > 1)
    result.push({ info, weights: 'raw, best epoch', value: Math.max(...raw), isComparable: true });
  return result;
}

async function benchmarkMeasurements(runs: SweepRuns, run: SweepRun): Promise<Measurement[]> {
  const result: Measurement[] = [];
  for (const weights of ['raw', 'ema'] as const) {
    for (const id of furtherBenchmarks(runs)) {
      const path = join(evaluationFolder(run, weights), id, 'result.json');
      if (!(await exists(path))) continue;
      const results = [await readSealed(path, RESULT)];
      const paperName = typeof run.point.paper === 'string' ? run.point.paper : run.id;
      for (const column of columnsOf([{ name: run.id, paperName, results }])) {
        const { benchmark, metric, label, unit, better, cells } = column;
        for (const { metric: found, isComplete, reference } of cells) {
          const protocol = isComplete ? column.protocol : `${column.protocol}, incomplete`;
          result.push({
            info: { benchmark, id: metric, label, protocol, unit, better },
            weights,
            value: found.value,
            isComparable: reference !== undefined,
          });
        }
      }
    }
  }
  return result;
}

function tablesOf(
  { sweep }: SweepRuns,
  measured: readonly { run: SweepRun; measurement: Measurement }[],
): MetricTable[] {
  const order = new Map(BENCHMARKS.map(({ id }, i): [string, number] => [id, i]));
  const infos = new Map(measured.map(({ measurement: { info } }) => [keyOf(info), info]));
  const sorted = [...infos.values()].sort(
    (a, b) => (order.get(a.benchmark) ?? 0) - (order.get(b.benchmark) ?? 0),
  );
  return sorted.map((info) => {
    const own = measured.filter(({ measurement }) => keyOf(measurement.info) === keyOf(info));
    const rows = (['raw', 'ema', 'raw, best epoch'] as const).flatMap((weights) =>
      sweep.points.flatMap((point): Row[] => {
        const values = own.filter(({ run, measurement: m }) => run.point === point && m.weights === weights);
        if (values.length === 0) return [];
        return [
          {
            point: point.label,
            weights,
            sample: summarise(values.map(({ measurement }) => measurement.value)),
            seeds: values.map(({ run }) => run.seed),
            paper: values.every(({ measurement }) => measurement.isComparable)
              ? paperValue(point, sweep.paper, info)
              : undefined,
          },
        ];
      }),
    );
    return { info, rows };
  });
}

function keyOf({ benchmark, id, protocol }: MetricInfo): string {
  return JSON.stringify([benchmark, id, protocol]);
}

/** The published number of a point: given by the sweep for top-1, or looked up by the model's name in the sweep's source. */
export function paperValue(point: Point, source: string | null, info: MetricInfo): Row['paper'] {
  if (typeof point.paper === 'number') {
    const isMain = info.benchmark === 'val' && info.id === 'top1';
    return isMain ? { value: point.paper, source: source ?? 'the sweep' } : undefined;
  }
  if (point.paper === null || source === null) return undefined;
  const found = referencesFor(info.benchmark, info, point.paper).find(
    (reference) => reference.source === source,
  );
  return found === undefined ? undefined : { value: found.value, source: found.source };
}

/** Seconds of every step but the first after a start or a resume, which compiles and has no rate. */
export function stepSeconds(log: readonly MetricsRecord[], batch: number): number[] {
  return log.flatMap((record) =>
    record.kind === 'step' && record.imagesPerSecond !== null ? [batch / record.imagesPerSecond] : [],
  );
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 0 && low !== undefined && high !== undefined ? (low + high) / 2 : high;
}
