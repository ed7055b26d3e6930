import { defined } from '../../../util/errors.ts';
import { classCount } from '../../classifier/classifier.ts';
import type { EvaluateOptions } from './options.ts';
import type { Part, Problem } from '../images/parts.ts';
import type { BenchmarkResult, PartResult, Protocol } from './result.ts';
import type { Tally } from '../../scoring/tally.ts';
import { packBits } from '../../scoring/bits.ts';
import type { WorkUnit } from './units.ts';

/** The result record from the tallies of all parts. */
export function resultOf(
  options: EvaluateOptions,
  units: readonly WorkUnit[],
  protocol: Protocol,
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
  const notes = new Map(parts.map(({ name, note }) => [name, note]));
  const partResults: PartResult[] = named.map(({ name, tally }) => ({
    name,
    items: tally.items,
    failures: tally.failures,
    metrics: benchmark.scoring.partMetrics(tally),
    ...(notes.get(name) === undefined ? {} : { note: notes.get(name) as string }),
    ...(tally.outcomes === undefined ? {} : { correct: packBits(tally.outcomes.correct) }),
  }));
  const { normalised = true, origin, clean = { unknown: 'no clean images were evaluated' } } = options;
  const {
    metrics,
    absent,
    rows = [],
    curves,
  } = benchmark.scoring.summarise(named, { normalised, origin, clean });
  return {
    benchmark: benchmark.id,
    name: options.name ?? benchmark.name,
    model: classifier.name,
    modelFingerprint: classifier.fingerprint,
    classes: classCount(classifier),
    ...(classifier.parameters === undefined ? {} : { parameters: classifier.parameters }),
    protocol,
    complete: !problems.some((problem) => isLack(options, problem)),
    problems,
    items: {
      asked,
      scored: named.reduce((sum, { tally }) => sum + tally.items, 0),
      unreadable: named.reduce((sum, { tally }) => sum + tally.failures.length, 0),
      ...(parts[0]?.unlabelled === undefined ? {} : { unlabelled: parts[0].unlabelled }),
    },
    metrics,
    absent,
    rows,
    ...(curves === undefined ? {} : { curves }),
    parts: partResults,
    perClass: perClassOf(parts, named),
    report: benchmark.scoring.report,
    isClean: benchmark.isClean ?? false,
  };
}

/** Images of one's own may be of some of the model's classes: that is said, and nothing that was asked for is missing. */
function isLack({ isRelease, origin }: EvaluateOptions, { kind }: Problem): boolean {
  return kind !== 'missing class' || (isRelease ?? origin === 'release');
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
