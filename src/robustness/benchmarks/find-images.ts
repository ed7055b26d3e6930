import { classList } from '../../data/classes.ts';
import type { Dataset, DatasetSpec } from '../../data/dataset.ts';
import { openDataset } from '../../data/datasets.ts';
import { FrameworkError } from '../../util/errors.ts';
import { CORRUPTIONS } from '../corruptions/registry.ts';
import { PERTURBATIONS } from '../corruptions/sequences.ts';
import type { Difficulty, Severity } from '../corruptions/types.ts';
import type { Classifier } from './classifier.ts';
import { generateC, generateP } from './generated.ts';
import type { Generated } from './generated.ts';
import { locate } from './locate.ts';
import type { Location } from './locate.ts';
import { datasetPart, openRelease } from './parts.ts';
import type { Part, Problem, Selection } from './parts.ts';
import { findBenchmark, whyNotApplicable } from './records.ts';
import type { Benchmark, BenchmarkId } from './records.ts';

/** Labelled images of the model's own classes, for clean accuracy and for generated benchmarks. */
export interface OwnImages {
  readonly spec: DatasetSpec;
  /** For people and tables: `CIFAR-10`, `ImageNet`. */
  readonly title: string;
}

/** Which part of the benchmarks, and where the images are. */
export interface ImageOptions {
  readonly classifier: Classifier;
  /** Folder of the releases as downloaded. */
  readonly dataRoot: string | undefined;
  readonly own: OwnImages | undefined;
  /** Make C and P from the validation images, whether or not the releases are there. */
  readonly generate: boolean;
  readonly seed: number;
  /** Corruptions and perturbations; default all. */
  readonly names: readonly string[] | undefined;
  readonly severities: readonly Severity[] | undefined;
  readonly difficulty: Difficulty;
  /** Of generated C: compress as the release does; default where images are 224 px. */
  readonly jpeg85: boolean | undefined;
  readonly selection: Selection;
}

/** A benchmark with its images found and listed. */
export interface Prepared {
  readonly benchmark: Benchmark;
  /** What the result is called. */
  readonly name: string;
  readonly parts: readonly Part[];
  readonly problems: readonly Problem[];
  readonly origin: string;
  readonly isImagenetLike: boolean;
  readonly selection: Selection;
  close(): Promise<void>;
}

/** Why a benchmark is not evaluated. */
export interface Absent {
  /** `not applicable`: it says nothing about this model; `left out`: its images are not there, or none could be evaluated. */
  readonly kind: 'not applicable' | 'left out';
  readonly benchmark: Benchmark;
  readonly reason: string;
}

/** What `work` gives, or why this benchmark was left out; other benchmarks can go on. */
export async function unlessImagesFail<T>(benchmark: Benchmark, work: () => Promise<T>): Promise<T | Absent> {
  try {
    return await work();
  } catch (error) {
    if (!isOfTheImages(error)) throw error;
    const hint = error.hint === undefined ? '' : `; ${error.hint}`;
    return { kind: 'left out', benchmark, reason: `${benchmark.name}: ${error.message}${hint}` };
  }
}

/** Something about one benchmark's images, which says nothing about the next one's. */
function isOfTheImages(error: unknown): error is FrameworkError {
  if (!(error instanceof FrameworkError)) return false;
  if (error.code === 'evaluate/aborted' || error.code.startsWith('data/worker')) return false;
  return /^(data|evaluate|video)\//.test(error.code);
}

/** Finds and lists the images of a benchmark, or says why there are none. */
export async function prepareBenchmark(
  options: ImageOptions,
  benchmark: Benchmark,
): Promise<Prepared | Absent> {
  const { classifier, generate } = options;
  const isGenerated = generate && (benchmark.id === 'c' || benchmark.id === 'p');
  const reason = whyNotApplicable(benchmark, classifier, isGenerated);
  if (reason !== undefined) {
    const advice = benchmark.id === 'c' || benchmark.id === 'p' ? '; --generate makes it from its own' : '';
    return { kind: 'not applicable', benchmark, reason: `${reason}${advice}` };
  }
  if (isGenerated) return prepareGenerated(options, benchmark);
  const isOther = benchmark.id === 'val' && classifier.classes !== 'imagenet1k';
  const location =
    options.dataRoot === undefined || isOther
      ? undefined
      : selectParts(await locate(benchmark, options.dataRoot), options);
  if (location !== undefined && location.parts.length > 0) return prepareRelease(options, location);
  if (benchmark.id === 'val' && options.own !== undefined) return prepareOwn(options.own, benchmark, options);
  const why = isOther ? noOwnImages(classifier) : noRoot(benchmark);
  return { kind: 'left out', benchmark, reason: location?.message ?? why };
}

/** Clean images of a model of other classes are never ImageNet's. */
function noOwnImages({ name, classes }: Classifier): string {
  return `clean images: ${name} has ${classes} classes, and no labelled images of them were named; add --data <folder> or --set data.dataset=…`;
}

function noRoot({ name, source }: Benchmark): string {
  const archives = source.archives.length === 0 ? '' : `${source.archives.join(', ')}, `;
  return `${name}: no folder of benchmarks was named; official data: ${archives}${source.size}; layout ${source.layout}`;
}

/** The parts that were asked for; the others are not missing. */
function selectParts(location: Location, { names, severities }: ImageOptions): Location {
  const { id } = location.benchmark;
  if (id !== 'c' && id !== 'p') return location;
  const isWanted = (part: string): boolean => {
    const [name = '', severity] = part.split('/');
    const isNamed = names === undefined || names.includes(name);
    return (
      isNamed && (severity === undefined || (severities?.includes(Number(severity) as Severity) ?? true))
    );
  };
  const parts = location.parts.filter(({ record }) => isWanted(record.name));
  return { ...location, parts, missing: location.missing.filter(isWanted) };
}

async function prepareRelease(options: ImageOptions, location: Location): Promise<Prepared> {
  const { benchmark } = location;
  const { parts, problems } = await openRelease(location, options.difficulty);
  return {
    benchmark,
    name: benchmark.name,
    parts,
    problems,
    origin: 'release',
    isImagenetLike: true,
    selection: selectionFor(benchmark.id, options.selection),
    close: async () => closeAll(parts),
  };
}

/** RobustBench's subset is of the validation images, and of what is made from them file by file. */
const OF_VALIDATION: readonly BenchmarkId[] = ['val', 'c', 'p', 'stylized'];

function selectionFor(id: BenchmarkId, selection: Selection): Selection {
  return OF_VALIDATION.includes(id) ? selection : { limit: selection.limit };
}

async function closeAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await part.close();
}

async function prepareOwn(
  own: OwnImages,
  benchmark: Benchmark,
  { selection }: ImageOptions,
): Promise<Prepared> {
  const dataset = await openDataset(own.spec);
  return {
    benchmark,
    name: own.title,
    parts: [datasetPart(dataset, 'all', { spec: own.spec })],
    problems: [],
    origin: `${own.title}, ${own.spec.split}`,
    isImagenetLike: false,
    selection,
    close: () => dataset.close(),
  };
}

async function prepareGenerated(options: ImageOptions, benchmark: Benchmark): Promise<Prepared | Absent> {
  const images = await imagesToChange(options);
  if (images === undefined) {
    const { message } = await locate(findBenchmark('val'), options.dataRoot ?? '.');
    const reason = `${benchmark.name}: nothing to generate it from. ${message}`;
    return { kind: 'left out', benchmark, reason };
  }
  const dataset = await openDataset(images.spec);
  const generated = await closedOnError(dataset, () => generate(options, benchmark, dataset, images.spec));
  if (generated.parts.length === 0) {
    await dataset.close();
    return { kind: 'left out', benchmark, reason: `${benchmark.name}: none of its parts was asked for` };
  }
  const style = generated.isImagenetLike || images.title !== 'ImageNet' ? '' : '-style';
  return {
    benchmark,
    name: `${images.title}-${benchmark.id.toUpperCase()}${style}`,
    ...generated,
    problems: [],
    selection: options.selection,
    close: () => dataset.close(),
  };
}

function generate(options: ImageOptions, { id }: Benchmark, dataset: Dataset, spec: DatasetSpec): Generated {
  const { classifier, seed, severities, difficulty, jpeg85 } = options;
  const all = id === 'c' ? CORRUPTIONS : PERTURBATIONS;
  const names = all.map(({ name }) => name).filter((name) => options.names?.includes(name) ?? true);
  const shared = { seed, names, difficulty, spec };
  if (id === 'p') return generateP(dataset, classifier, shared);
  const generated = generateC(dataset, classifier, {
    ...shared,
    ...(severities === undefined ? {} : { severities }),
    ...(jpeg85 === undefined ? {} : { jpeg85 }),
  });
  return names.length === 0 ? { ...generated, parts: [] } : generated;
}

async function closedOnError<T>(dataset: Dataset, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    await dataset.close();
    throw error;
  }
}

/** The run's own evaluation images, or the validation images below the data root. */
async function imagesToChange({ own, dataRoot }: ImageOptions): Promise<OwnImages | undefined> {
  if (own !== undefined || dataRoot === undefined) return own;
  const [part] = (await locate(findBenchmark('val'), dataRoot)).parts;
  if (part === undefined) return undefined;
  return {
    title: 'ImageNet',
    spec: { kind: 'folder', root: part.path, split: '', classes: classList('imagenet-1k') },
  };
}
