import type { Benchmark } from '../benchmarks/benchmark.ts';
import { evaluateBenchmark } from '../benchmarks/evaluation/evaluate.ts';
import type { BenchmarkResult } from '../benchmarks/evaluation/result.ts';
import { workUnits } from '../benchmarks/evaluation/units.ts';
import { prepareOwn } from '../benchmarks/images/find-images.ts';
import type { Part } from '../benchmarks/images/parts.ts';
import type { Classifier } from '../classifier/classifier.ts';
import { sessionClassifier } from '../classifier/session-classifier.ts';
import type { InputChange } from '../inputs/change.ts';
import { findBenchmark } from '../benchmarks/records.ts';
import { InferenceSession } from '../../models/inference.ts';
import { sweepScoring, type SweepReport } from './sweep-scoring.ts';
import type { AnalysisContext, AnalysisPlan } from './analysis.ts';

/** One point of a curve: every image once. */
export interface SweepPoint {
  /** The curve. */
  readonly series: string;
  readonly x: number;
  readonly repetition: number;
  /** What is done to each image. */
  readonly input?: InputChange;
  /** Blocks that are left out. */
  readonly skip?: ReadonlySet<string>;
  /** For people. */
  readonly note?: string;
}

/** An analysis that counts right predictions at many points. */
export interface Sweep extends SweepReport {
  readonly id: string;
  readonly name: string;
  readonly settings: string;
  readonly points: readonly SweepPoint[];
}

const CLEAN = 'clean/0/0';

/** Parts are named `<series>/<x>/<repetition>`. */
function partName({ series, x, repetition }: SweepPoint): string {
  return [series, x, repetition].join('/');
}

/** Evaluates the unchanged images and every point, unit by unit; goes on where it was stopped. */
export async function runSweep(context: AnalysisContext, sweep: Sweep): Promise<BenchmarkResult> {
  const prepared = await prepareOwn(context.images(), VAL, context.selection);
  const [whole] = prepared.parts as [Part];
  try {
    const points = new Map(sweep.points.map((point) => [partName(point), point]));
    const parts = [
      { ...whole, name: CLEAN },
      ...[...points].map(([name, point]) => partOf(whole, name, point)),
    ];
    const clean = await classifierOf(context, new Set());
    const skips = sweep.points.some(({ skip }) => skip !== undefined);
    return await evaluateBenchmark({
      benchmark: benchmarkOf(sweep),
      classifier: clean.classifier,
      ...(skips && {
        classifierOf: async (part) => {
          const { skip } = points.get(part) ?? {};
          return skip === undefined ? { ...clean, done: () => undefined } : classifierOf(context, skip);
        },
      }),
      parts,
      settings: sweep.settings,
      origin: prepared.origin,
      isRelease: false,
      folder: context.folder,
      batchSize: context.batch,
      crew: context.crew,
      ranks: context.ranks,
      name: sweep.name,
      selection: prepared.selection,
      ...(context.maker && { maker: context.maker }),
      ...(context.signal && { signal: context.signal }),
      ...(context.onProgress && { onProgress: context.onProgress }),
    }).finally(clean.done);
  } finally {
    await prepared.close();
  }
}

const VAL = findBenchmark('val');

function partOf(whole: Part, name: string, { input, note }: SweepPoint): Part {
  return {
    ...whole,
    name,
    problems: [],
    ...(input === undefined ? {} : { input }),
    ...(note === undefined ? {} : { note }),
  };
}

/** The model without some blocks; weights and compiled shaders are shared with all others. */
async function classifierOf(
  { onDevice, about, kind, batch, imageSize, model }: AnalysisContext,
  skip: ReadonlySet<string>,
): Promise<{ classifier: Classifier; done: () => void }> {
  const { device, weights } = await onDevice();
  const shape = { batch, channels: model.config.channels, imageSize };
  const session = await InferenceSession.create(device, weights, shape, { skip });
  const classifier = { ...(await sessionClassifier(session, about)), weights: kind };
  return {
    classifier,
    done: () => {
      session.destroy();
    },
  };
}

/** What the machinery of benchmarks must know of a sweep. */
function benchmarkOf(sweep: Sweep): Benchmark {
  return {
    id: sweep.id,
    name: sweep.name,
    description: '',
    source: { archives: [], size: '', layout: '' },
    roots: [],
    parts: [],
    scoring: sweepScoring(sweep),
    labels: null,
    items: 'images',
    stored: null,
    frames: () => 1,
    classes: ['any'],
  };
}

/** Images and passes of a sweep. */
export async function planSweep(
  context: AnalysisContext,
  points: readonly SweepPoint[],
): Promise<AnalysisPlan> {
  const prepared = await prepareOwn(context.images(), VAL, context.selection);
  const [whole] = prepared.parts as [Part];
  await prepared.close();
  const images = workUnits([whole], prepared.selection).reduce((sum, { items }) => sum + items.length, 0);
  return { points: points.length + 1, images, passes: images * (points.length + 1) };
}
