import type { ReportModel } from '../report/columns.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';

/** What was measured of checkpoints, each as a model of its own; those of one name are told apart by their checkpoints. */
export function modelsOf(
  made: readonly { readonly checkpoint: string; readonly result: BenchmarkResult }[],
): (ReportModel & { readonly results: readonly [BenchmarkResult] })[] {
  const count = (name: string) => made.filter(({ result }) => result.model === name).length;
  return made.map(({ checkpoint, result }) => ({
    name: count(result.model) === 1 ? result.model : `${result.model} (${checkpoint})`,
    paperName: result.model,
    results: [result],
  }));
}
