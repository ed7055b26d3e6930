import type { Failure } from '../../../data/render.ts';
import type { AbsentMetric, Metric, MetricRow } from '../../scoring/metric.ts';
import type { Curve } from '../../scoring/curve.ts';
import type { ReportHooks } from '../../scoring/scoring.ts';
import { sealedKind } from '../../../util/sealed.ts';
import type { Problem } from '../images/parts.ts';

export interface PartResult {
  readonly name: string;
  readonly items: number;
  readonly failures: readonly Failure[];
  readonly metrics: readonly Metric[];
  /** What sets it apart from the others, for people. */
  readonly note?: string;
  /** Which items are right, bit by bit from the first, in base64; analyses only. */
  readonly correct?: string;
}

/**
 * How the numbers were made; enough to match them to a paper's. Numbers of two protocols that differ anywhere are never one number.
 */
export interface Protocol {
  /** `release`, or the words of a generator. */
  readonly dataOrigin: string;
  /** From the stored image to the model's input. */
  readonly preprocessing: string;
  readonly normalization: string;
  /** Side of the model's input in pixels. */
  readonly imageSize: number;
  /** `raw`, `ema`, or `file` for weights that are no run's. */
  readonly weights: string;
  readonly subset: string;
  /** The parts that were asked for, e.g. `fog 1–5; snow 3`. */
  readonly parts: string;
  readonly difficulty: number;
  /** What aggregates are divided by, or `none` and why. */
  readonly normaliser: string;
  /** SHA-256 of the class ids in label order. */
  readonly classListSha256: string;
  /** SHA-256 of the names and right answers of the evaluated images, in order, and of the bytes of some: `filesSha256`. */
  readonly fileListSha256: string;
  /** All settings of an analysis, in words. */
  readonly settings?: string;
}

/** The result of one model on one benchmark: `<folder>/result.json`. */
export interface BenchmarkResult {
  readonly benchmark: string;
  readonly name: string;
  readonly model: string;
  readonly modelFingerprint: string;
  readonly classes: number;
  /** Trained numbers of the model. */
  readonly parameters?: number;
  readonly protocol: Protocol;
  /** False if an image could not be read, a folder is missing or too many, or a count or a class is not the release's. */
  readonly complete: boolean;
  readonly problems: readonly Problem[];
  /** Images or clips asked for and scored. */
  readonly items: {
    readonly asked: number;
    readonly scored: number;
    readonly unreadable: number;
    /** Images without a right answer, which were not asked for; ImageNet-ReaL only. */
    readonly unlabelled?: number;
  };
  readonly metrics: readonly Metric[];
  /** Aggregates that could not be computed, each with the reason. */
  readonly absent: readonly AbsentMetric[];
  /** By corruption over its severities, or by perturbation. */
  readonly rows: readonly MetricRow[];
  /** Analyses only. */
  readonly curves?: readonly Curve[];
  readonly parts: readonly PartResult[];
  /** Top-1 by class over all parts: class id → [correct, total], by protocol. */
  readonly perClass: Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>;
  readonly report: ReportHooks;
  /** Measured on the clean images themselves: curves of other results may begin here. */
  readonly isClean: boolean;
}

export const RESULT = sealedKind<BenchmarkResult>(
  'benchmark result',
  3,
  'Run the same `largekernel evaluate --benchmarks` again: finished units are kept.',
);

export function findMetric(result: BenchmarkResult, id: string, protocol?: string): Metric | undefined {
  return result.metrics.find((m) => m.id === id && (protocol === undefined || m.protocol === protocol));
}
