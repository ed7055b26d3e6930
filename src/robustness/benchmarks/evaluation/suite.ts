import { join } from 'node:path';
import type { Ranks } from '../../../mpi/ranks.ts';
import { FrameworkError, nearest } from '../../../util/errors.ts';
import { ALL_CORRUPTIONS } from '../../corruptions/registry.ts';
import { PERTURBATIONS } from '../../corruptions/sequences.ts';
import type { Crew } from '../crew/crew.ts';
import { evaluateBenchmark } from './evaluate.ts';
import { prepareBenchmark, unlessImagesFail } from '../images/find-images.ts';
import type { Absent, ImageOptions, Prepared } from '../images/prepared.ts';
import type { Progress } from './options.ts';
import type { SummaryOptions } from '../../scoring/scoring.ts';
import { BENCHMARKS, findBenchmark } from '../records.ts';
import type { Maker } from './store.ts';
import type { Benchmark } from '../benchmark.ts';
import type { BenchmarkResult } from './result.ts';
import { findMetric } from './result.ts';

/** Several benchmarks of one model. */
export interface SuiteOptions extends ImageOptions {
  readonly benchmarks: readonly Benchmark[];
  readonly batchSize: number;
  readonly crew: Crew | undefined;
  readonly ranks?: Ranks | undefined;
  /** One folder for each benchmark is made in it. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  readonly maker?: Maker;
  /** @param name what the result is called */
  readonly onProgress?: (name: string, progress: Progress) => void;
}

/** The outcome of one benchmark. */
export type Outcome =
  { readonly kind: 'measured'; readonly result: BenchmarkResult; readonly path: string } | Absent;

/**
 * `all`, or ids separated by commas, in the registry's order; `v2` stands for all that begin with `v2-`.
 * @throws FrameworkError `benchmark/unknown`
 */
export function chooseBenchmarks(text: string): readonly Benchmark[] {
  if (text === 'all') return BENCHMARKS;
  const chosen = new Set(text.split(',').flatMap((id) => benchmarksNamed(id.trim())));
  return BENCHMARKS.filter((benchmark) => chosen.has(benchmark));
}

function benchmarksNamed(id: string): readonly Benchmark[] {
  const lower = id.toLowerCase();
  if (BENCHMARKS.some((benchmark) => benchmark.id === lower)) return [findBenchmark(id)];
  const group = BENCHMARKS.filter((benchmark) => benchmark.id.startsWith(`${lower}-`));
  return group.length > 0 ? group : [findBenchmark(id)];
}

/** @throws FrameworkError `corruption/unknown` if a name is neither a corruption nor a perturbation */
export function checkNames(names: readonly string[]): void {
  const known = new Set([...ALL_CORRUPTIONS, ...PERTURBATIONS].map(({ name }) => name));
  for (const name of names) {
    if (known.has(name)) continue;
    const near = nearest(name, known);
    throw new FrameworkError('corruption/unknown', `there is no corruption or perturbation named "${name}"`, {
      hint: near === undefined ? `known: ${[...known].join(', ')}` : `did you mean ${near}?`,
    });
  }
}

/** Evaluates one benchmark after the other; what cannot be evaluated is said and the others go on. */
export async function runSuite(options: SuiteOptions): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const benchmark of options.benchmarks)
    outcomes.push(await runOne(options, benchmark, cleanOf(options, outcomes)));
  return outcomes;
}

async function runOne(
  options: SuiteOptions,
  benchmark: Benchmark,
  clean: SummaryOptions['clean'],
): Promise<Outcome> {
  return unlessImagesFail(benchmark, async () => {
    const found = await prepareBenchmark(options, benchmark);
    if ('kind' in found) return found;
    try {
      return await evaluatePrepared(options, found, clean).catch((error: unknown) => {
        throw withClips(error, found);
      });
    } finally {
      await found.close();
    }
  });
}

/** Without ffmpeg: how much that leaves out. */
function withClips(error: unknown, { parts }: Prepared): unknown {
  if (!(error instanceof FrameworkError) || error.code !== 'video/no-ffmpeg') return error;
  const clips = parts.reduce((sum, { keys }) => sum + keys.length, 0);
  return new FrameworkError(
    error.code,
    `all ${clips} clips of ${parts.length} perturbations are left out: ${error.message}`,
    error.hint === undefined ? {} : { hint: error.hint },
  );
}

async function evaluatePrepared(
  options: SuiteOptions,
  prepared: Prepared,
  clean: SummaryOptions['clean'],
): Promise<Outcome> {
  const { classifier, batchSize, crew, ranks, difficulty, signal, maker, onProgress } = options;
  const { benchmark, name, parts, problems, origin, normalised, framing, isRelease, selection } = prepared;
  const folder = join(options.folder, benchmark.id);
  const result = await evaluateBenchmark({
    benchmark,
    classifier,
    parts,
    problems,
    origin,
    normalised,
    framing,
    isRelease,
    clean,
    folder,
    batchSize,
    selection,
    difficulty: benchmark.variants === 'perturbations' ? difficulty : 1,
    name,
    crew,
    ranks,
    ...(maker === undefined ? {} : { maker }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress: (progress) => onProgress(name, progress) }),
  });
  return { kind: 'measured', result, path: join(folder, 'result.json') };
}

/** The clean error measured just before on the whole release, which relative mCE needs, or why there is none. */
function cleanOf(
  { selection, benchmarks }: SuiteOptions,
  outcomes: readonly Outcome[],
): SummaryOptions['clean'] {
  if (selection.limit !== undefined)
    return { unknown: 'the clean error is that of all validation images, and --limit was given' };
  const index = benchmarks.findIndex(({ isClean }) => isClean);
  const outcome = outcomes[index];
  if (outcome === undefined)
    return { unknown: 'the clean images were not evaluated by the same command: --benchmarks val,c' };
  if (outcome.kind !== 'measured') return { unknown: `the clean images were left out: ${outcome.reason}` };
  const { name, problems } = outcome.result;
  const top1 = findMetric(outcome.result, 'top1');
  if (problems.length > 0 || top1 === undefined)
    return {
      unknown: `the clean images of ${name} are not whole: ${problems[0]?.what ?? 'none was scored'}`,
    };
  return { error: 1 - top1.value / 100, of: `${name}, ${outcome.result.protocol.subset}` };
}
