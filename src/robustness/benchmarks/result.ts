import type { Failure } from '../../data/render.ts';
import type { Problem } from './parts.ts';

/** One number of a result, as printed: percentages in %, distances as they are. */
export interface Metric {
  /** Stable: `top1`, `mce`, `aupr`, … */
  readonly id: string;
  readonly label: string;
  /** What was computed, in words; numbers of different protocols never share a column. */
  readonly protocol: string;
  readonly value: number;
  /** 95 % interval, where one is known. */
  readonly low?: number;
  readonly high?: number;
  readonly unit: '%' | 'points' | 'nats' | '';
  readonly better: 'higher' | 'lower';
}

export interface PartResult {
  readonly name: string;
  readonly items: number;
  readonly failures: readonly Failure[];
  readonly metrics: readonly Metric[];
}

/** How the numbers were made; enough to match them to a paper's (spec: benchmarks §10). */
export interface Protocol {
  readonly dataOrigin: string;
  readonly preprocessing: string;
  readonly normalization: string;
  readonly subset: string;
  readonly difficulty: number;
  /** SHA-256 of the class ids in label order. */
  readonly classListSha256: string;
  /** SHA-256 of the names of the evaluated files, in order. */
  readonly fileListSha256: string;
}

/** The result of one model on one benchmark: `<folder>/result.json`. */
export interface BenchmarkResult {
  readonly format: 1;
  readonly benchmark: string;
  readonly name: string;
  readonly model: string;
  readonly modelFingerprint: string;
  readonly classes: number;
  readonly protocol: Protocol;
  /** False if an image could not be read, a folder is missing or too many, or a count is not the release's. */
  readonly complete: boolean;
  readonly problems: readonly Problem[];
  /** Images or clips asked for and scored. */
  readonly items: { readonly asked: number; readonly scored: number; readonly unreadable: number };
  readonly metrics: readonly Metric[];
  readonly parts: readonly PartResult[];
  /** Top-1 by class over all parts: class id → [correct, total], by protocol. */
  readonly perClass: Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>;
}

export function findMetric(result: BenchmarkResult, id: string, protocol?: string): Metric | undefined {
  return result.metrics.find((m) => m.id === id && (protocol === undefined || m.protocol === protocol));
}
