/** Who stands for whom in the statements of the paper, among the models that were measured on the same images. */
import type { BenchmarkResult } from '../../robustness/benchmarks/evaluation/result.ts';
import { dataWords } from '../columns.ts';
import { averageOf, difference, isPositive, type Estimate, type Verdict } from '../estimate.ts';
import { showDifference } from '../format.ts';
import { dataSides, measure, type DataSide, type Measured, type Subject } from '../subjects.ts';

/** One answer: on some images. */
export interface Line {
  readonly verdict: Verdict;
  readonly where: string;
  readonly words: string;
  readonly files: readonly number[];
}

/** A statement of the paper and how it is tested. */
export interface Claim {
  readonly number: number;
  readonly section: string;
  readonly statement: string;
  /** Benchmarks, analyses and attacks that it needs, as results name them. */
  readonly needs: readonly string[];
  /** Rows of the paper's tables of which `needs` would answer it. */
  readonly of: readonly string[];
  test(subjects: readonly Subject[]): Line[];
}

export interface Roles {
  /** The convnet with the largest kernel, at least 7. */
  readonly large: Subject | undefined;
  /** The convnet with the smallest, of the same family if there is one. */
  readonly small: Subject | undefined;
  /** By their number of blocks. */
  readonly transformers: readonly Subject[];
}

/** A kernel that the paper calls large begins here. */
const LARGE = 7;

export function rolesOf(subjects: readonly Subject[]): Roles {
  const convnets = subjects
    .filter(({ isTransformer, kernel }) => !isTransformer && kernel !== undefined)
    .sort((a, b) => (b.kernel ?? 0) - (a.kernel ?? 0) || (b.parameters ?? 0) - (a.parameters ?? 0));
  const [large] = convnets.filter(({ kernel = 0 }) => kernel >= LARGE);
  const smaller = convnets.filter(({ kernel = 0 }) => kernel < (large?.kernel ?? 0)).reverse();
  const [small] = [...smaller.filter(({ family }) => family === large?.family), ...smaller];
  const transformers = subjects
    .filter(({ isTransformer }) => isTransformer)
    .sort((a, b) => (a.blocks ?? 0) - (b.blocks ?? 0));
  return { large, small, transformers };
}

/** What a kind of result says, with the models that have it: one for each data side. */
export function sidesOf(
  subjects: readonly Subject[],
  benchmark: string,
  read: (result: BenchmarkResult) => Estimate | undefined,
): { readonly side: DataSide; readonly where: string; readonly subjects: Subject[] }[] {
  const found = dataSides(subjects, [benchmark]).flatMap((side) => {
    const own = subjects.filter((subject) => measure(subject, side, read) !== undefined);
    return own.length === 0 ? [] : [{ side, where: whereOf(own, side), subjects: own }];
  });
  return found.map((one) => {
    const twins = found.filter(({ where }) => where === one.where);
    const special = settingsOf(one.side).filter(
      (words) => !twins.every(({ side }) => settingsOf(side).includes(words)),
    );
    return { ...one, where: [one.where, ...special].join(', ') };
  });
}

function settingsOf({ benchmark, example }: DataSide): string[] {
  // Transferred images are told apart by what they were made on, which their statement says.
  return benchmark === 'attack-saved' ? [] : (example.protocol.settings ?? '').split(', ');
}

function whereOf(subjects: readonly Subject[], side: DataSide): string {
  const { benchmark, protocol } = side.example;
  const images = benchmark.startsWith('attack-')
    ? [protocol.dataOrigin, ...(protocol.subset === 'all' ? [] : [protocol.subset])].join(', ')
    : dataWords(side.example);
  return images === '' ? `${subjects[0]?.training ?? 'ImageNet'}` : images;
}

/** A comparison of two models: a − b. */
export interface Compared {
  readonly verdict: Verdict;
  readonly words: string;
  readonly files: readonly number[];
}

/** Whether a lies above b. */
export function compare(
  [a, b]: readonly [Subject, Subject],
  side: DataSide,
  read: (result: BenchmarkResult) => Estimate | undefined,
  unit = 'points',
): Compared {
  const [of, than] = [measure(a, side, read), measure(b, side, read)];
  if (of === undefined || than === undefined)
    return { verdict: 'undecided', words: `${a.name} and ${b.name} were not both measured`, files: [] };
  const found = difference(of, than);
  return {
    verdict: isPositive(found),
    words: `${a.name} − ${b.name}: ${showDifference(found, unit === 'points' ? 1 : 3)}${unit === '' ? '' : ` ${unit}`}`,
    files: filesOf([of, than]),
  };
}

export function filesOf(measured: readonly Measured[]): number[] {
  return [...new Set(measured.flatMap(({ sources }) => sources.map(({ number }) => number)))].sort(
    (a, b) => a - b,
  );
}

/** The point of a curve at x: its value, or its change against the unchanged images. */
export function atPoint(
  name: string,
  x: number,
  which: 'y' | 'change',
): (result: BenchmarkResult) => Estimate | undefined {
  return ({ curves = [] }) => {
    const points = curves.find((curve) => curve.name === name)?.points ?? [];
    const point = points.find((candidate) => Math.abs(candidate.x - x) < 1e-6);
    if (point === undefined) return undefined;
    if (which === 'change') return point.change;
    return { value: point.y, low: point.low, high: point.high };
  };
}

/** The mean of a curve over a range of x, ends with ends. */
export function overRange(
  name: string,
  [from, to]: readonly [number, number],
  which: 'y' | 'change',
): (result: BenchmarkResult) => Estimate | undefined {
  return (result) => {
    const points = result.curves?.find((curve) => curve.name === name)?.points ?? [];
    const found = points
      .filter(({ x }) => x >= from - 1e-9 && x <= to + 1e-9)
      .flatMap(({ x }) => atPoint(name, x, which)(result) ?? []);
    return found.length === 0 ? undefined : averageOf(found);
  };
}
