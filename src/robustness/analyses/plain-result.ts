import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { onFirst } from '../../mpi/ranks.ts';
import { EVALUATION_CLAIM, claim } from '../../util/claim.ts';
import { describeEval } from '../benchmarks/evaluation/protocol.ts';
import type { BenchmarkResult, Protocol } from '../benchmarks/evaluation/result.ts';
import { EvaluationStore } from '../benchmarks/evaluation/store.ts';
import { filesSha256, type Listed } from '../benchmarks/images/files-sha256.ts';
import { weightsFingerprint } from '../classifier/session-classifier.ts';
import type { Curve, Plot } from '../scoring/curve.ts';
import type { Failure } from '../../data/render.ts';
import type { Problem } from '../benchmarks/images/parts.ts';
import type { Metric } from '../scoring/metric.ts';
import type { AnalysisContext } from './analysis.ts';

/** What an analysis that counts no predictions found. */
export interface Found {
  readonly metrics: readonly Metric[];
  readonly curves: readonly Curve[];
  readonly plots: readonly Plot[];
  readonly figures?: readonly string[];
  /** Images that could not be read. */
  readonly failures?: readonly Failure[];
}

/** What it looked at. */
export interface Looked {
  readonly origin: string;
  readonly subset: string;
  readonly lists: readonly Listed[];
}

/** No images: the weights alone. */
export const WEIGHTS_ALONE: Looked = { origin: 'the weights alone', subset: 'all', lists: [] };

const NO_SUM = createHash('sha256').digest('hex');

/** The result of an analysis of which no image is right or wrong; written into its folder. */
export async function plainResult(
  context: AnalysisContext,
  { id, name, settings }: { readonly id: string; readonly name: string; readonly settings: string },
  { origin, subset, lists }: Looked,
  work: (store: EvaluationStore) => Promise<Found>,
): Promise<BenchmarkResult> {
  const { model, about, folder, kind, imageSize, maker, ranks } = context;
  const { mean, std } = about.normalization;
  const asked = lists.reduce((sum, { items }) => sum + items.length, 0);
  const usesImages = asked > 0;
  const protocol: Protocol = {
    dataOrigin: origin,
    preprocessing: usesImages ? describeEval(about.evalConfig) : 'none',
    normalization: usesImages ? `mean ${mean.join(' ')}, std ${std.join(' ')}` : 'none',
    imageSize,
    weights: kind,
    subset,
    parts: 'all',
    difficulty: 1,
    normaliser: 'none',
    classListSha256: NO_SUM,
    fileListSha256: await filesSha256(lists),
    settings,
  };
  const held = await onFirst(ranks, () => claim(join(folder, EVALUATION_CLAIM), 'analysing'));
  try {
    const modelFingerprint = await weightsFingerprint(about);
    const identity = { benchmark: id, model: model.name, modelFingerprint, ...protocol };
    const store = await EvaluationStore.open(folder, identity, ranks);
    if (maker !== undefined) await store.begin(maker);
    const { metrics, curves, plots, figures = [], failures = [] } = await work(store);
    const result: BenchmarkResult = {
      ...{
        benchmark: id,
        name,
        model: model.name,
        modelFingerprint,
        classes: model.config.classes,
        protocol,
      },
      complete: failures.length === 0,
      problems: unreadable(failures),
      items: { asked, scored: asked - failures.length, unreadable: failures.length },
      ...{
        metrics,
        absent: [],
        rows: [],
        curves,
        parts: [],
        perClass: {},
        report: { figures, plots },
        isClean: false,
      },
    };
    await store.finish(result);
    return result;
  } finally {
    await held?.release();
  }
}

function unreadable(failures: readonly Failure[]): Problem[] {
  if (failures.length === 0) return [];
  const some = failures.slice(0, 3).map(({ key, message }) => `${key}: ${message}`);
  return [{ kind: 'unreadable', part: 'all', what: some.join('; '), count: failures.length }];
}
