import type { EvalConfig } from '../../data/transform.ts';
import { defined } from '../../util/errors.ts';
import { classCount } from './classifier.ts';
import type { EvaluateOptions } from './options.ts';
import type { Part, Problem } from './parts.ts';
import type { BenchmarkResult, PartResult } from './result.ts';
import { hashLines } from './store.ts';
import { benchmarkMetrics, partMetrics } from './summarise.ts';
import type { Tally } from './tally.ts';
import type { WorkUnit } from './units.ts';

/** How the numbers are made, before any is. */
export function protocolOf(
  options: EvaluateOptions,
  units: readonly WorkUnit[],
): BenchmarkResult['protocol'] {
  const { benchmark, classifier, parts, selection = {}, difficulty = 1 } = options;
  const { imageSize, evalConfig, mean, std } = classifier.preprocessing;
  const keys = new Map(parts.map((part) => [part.name, part.keys]));
  const files = units.flatMap(({ part, items }) =>
    items.map((item) => `${part}/${keys.get(part)?.[item] ?? ''}`),
  );
  const limit =
    selection.limit === undefined ? [] : [`${selection.limit} images of each part, evenly spaced`];
  return {
    dataOrigin: options.origin,
    preprocessing:
      benchmark.preprocessing === 'as-is'
        ? `as stored, resized only if not ${imageSize} px`
        : describeEval(evalConfig),
    normalization: `mean ${mean.join(' ')}, std ${std.join(' ')}`,
    subset: [...(selection.subset ? [selection.subset] : []), ...limit].join(', ') || 'all',
    difficulty,
    classListSha256: hashLines(parts[0]?.classes ?? []),
    fileListSha256: hashLines(files),
  };
}

function describeEval({ resize, crop, squash, interpolation }: EvalConfig): string {
  const resized =
    resize === null ? 'no resize' : `${squash ? 'squash' : 'short side'} ${resize} ${interpolation}`;
  return `${resized}, ${crop === null ? 'no crop' : `centre crop ${crop}`}`;
}

/** The result record from the tallies of all parts. */
export function resultOf(
  options: EvaluateOptions,
  units: readonly WorkUnit[],
  protocol: BenchmarkResult['protocol'],
  tallies: ReadonlyMap<string, Tally>,
): BenchmarkResult {
  const { benchmark, classifier, parts, selection = {} } = options;
  const named = parts.map(({ name }) => ({ name, tally: defined(tallies.get(name), name) }));
  const asked = units.reduce((sum, { items }) => sum + items.length, 0);
  const unreadable = named.flatMap(({ name, tally }) => (tally.failures.length > 0 ? [{ name, tally }] : []));
  // A count other than the release's is what a subset is for.
  const isSubset = selection.limit !== undefined || selection.subset !== undefined;
  const found = [...(options.problems ?? []), ...parts.flatMap((part) => part.problems)];
  const problems: Problem[] = [
    ...found.filter(({ kind }) => !(isSubset && kind === 'count')),
    ...unreadable.map(({ name, tally }): Problem => ({
      kind: 'unreadable',
      part: name,
      what: tally.failures
        .slice(0, 3)
        .map(({ key, message }) => `${key}: ${message}`)
        .join('; '),
      count: tally.failures.length,
    })),
  ];
  const partResults: PartResult[] = named.map(({ name, tally }) => ({
    name,
    items: tally.items,
    failures: tally.failures,
    metrics: partMetrics(benchmark, tally),
  }));
  return {
    format: 1,
    benchmark: benchmark.id,
    name: options.name ?? benchmark.name,
    model: classifier.name,
    modelFingerprint: classifier.fingerprint,
    classes: classCount(classifier),
    protocol,
    complete: problems.length === 0,
    problems,
    items: {
      asked,
      scored: named.reduce((sum, { tally }) => sum + tally.items, 0),
      unreadable: named.reduce((sum, { tally }) => sum + tally.failures.length, 0),
    },
    metrics: benchmarkMetrics(benchmark, named, {
      isNormalised: options.isImagenetLike ?? true,
      origin: options.origin,
      cleanError: options.cleanError,
    }),
    parts: partResults,
    perClass: perClassOf(parts, named),
  };
}

/** Correct and total by class over all parts, by protocol. */
function perClassOf(
  parts: readonly Part[],
  named: readonly { name: string; tally: Tally }[],
): BenchmarkResult['perClass'] {
  const ids = parts[0]?.classes ?? [];
  const protocols = Object.keys(named[0]?.tally.counts ?? {});
  const sum = (label: number, of: (tally: Tally) => readonly number[] | undefined): number =>
    named.reduce((total, { tally }) => total + (of(tally)?.[label] ?? 0), 0);
  const row = (protocol: string, label: number): readonly [number, number] => [
    sum(label, (tally) => tally.counts[protocol]?.perClass),
    sum(label, (tally) => tally.perClass),
  ];
  return Object.fromEntries(
    protocols.map((protocol) => [
      protocol,
      Object.fromEntries(
        ids.map((id, label) => [id, row(protocol, label)] as const).filter(([, [, total]]) => total > 0),
      ),
    ]),
  );
}
