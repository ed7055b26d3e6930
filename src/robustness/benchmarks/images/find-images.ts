import { basename } from 'node:path';
import { classList } from '../../../data/classes.ts';
import type { Dataset, DatasetSpec } from '../../../data/dataset.ts';
import { openDataset } from '../../../data/datasets.ts';
import { FrameworkError } from '../../../util/errors.ts';
import { BAR_CORRUPTIONS } from '../../corruptions/bar.ts';
import { CORRUPTIONS } from '../../corruptions/registry.ts';
import { PERTURBATIONS } from '../../corruptions/sequences.ts';
import type { Severity } from '../../corruptions/types.ts';
import type { Classifier } from '../../classifier/classifier.ts';
import { prepareDetection } from './any-folders.ts';
import { generateC, generateP, NO_NORMALISER } from './generated.ts';
import type { Generated } from './generated.ts';
import { locate } from './locate.ts';
import type { Location } from './locate.ts';
import { datasetPart } from './parts.ts';
import type { Part } from './parts.ts';
import { findBenchmark } from '../records.ts';
import type { Absent, ImageOptions, OwnImages, Prepared } from './prepared.ts';
import { openRelease } from './release.ts';
import { isImagenet, nameProblems } from './release-checks.ts';
import type { Selection } from './selection.ts';
import { whyNotApplicable } from '../benchmark.ts';
import type { Benchmark } from '../benchmark.ts';

const IMAGENET = 'ImageNet';

/** The result of `work`, or the reason why this benchmark is left out while others go on. */
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
  if (benchmark.fromFolders) return prepareDetection(options, benchmark);
  const isGenerated = generate && benchmark.variants !== undefined;
  const reason = whyNotApplicable(benchmark, classifier, isGenerated);
  if (reason !== undefined) {
    const advice = benchmark.variants === undefined ? '' : '; --generate makes it from its own';
    return { kind: 'not applicable', benchmark, reason: `${reason}${advice}` };
  }
  if (isGenerated) return prepareGenerated(options, benchmark);
  const isOther = benchmark.isClean && classifier.classes !== 'imagenet1k';
  const location =
    options.dataRoot === undefined || isOther
      ? undefined
      : selectParts(await locate(benchmark, options.dataRoot), options);
  if (location !== undefined && location.parts.length > 0) return prepareRelease(options, location);
  if (benchmark.isClean && options.own !== undefined)
    return prepareOwn(options.own, benchmark, options.selection);
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
  if (location.benchmark.variants === undefined) return location;
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
  const { difficulty, stored } = options;
  const { parts, problems } = await openRelease(location, {
    difficulty,
    ...(stored === undefined ? {} : { stored }),
  });
  const selection = selectionFor(benchmark, options.selection);
  const of = { benchmark, parts, problems, selection, isRelease: true, close: async () => closeAll(parts) };
  const side = benchmark.items === 'images' ? parts[0]?.stored : undefined;
  if (side !== undefined && side !== null && side !== benchmark.stored)
    return {
      ...of,
      name: `${benchmark.name} at ${side} px`,
      origin: `images of ${side} px, not the release's ${benchmark.stored ?? ''}`,
      normalised: {
        not: `AlexNet’s numbers are of images of ${benchmark.stored ?? ''} px, and these have ${side}`,
      },
    };
  const isWhole = [...problems, ...parts.flatMap((part) => part.problems)].every(
    ({ kind }) => kind === 'folder',
  );
  return {
    ...of,
    name: benchmark.name,
    origin: isWhole ? 'release' : 'release, not as published',
    normalised: benchmark.variants === 'bar' ? { not: NO_NORMALISER } : true,
  };
}

/** RobustBench's subset is of the validation images, and of what is made from them file by file. */
function selectionFor({ ofValidation }: Benchmark, selection: Selection): Selection {
  return ofValidation ? selection : { limit: selection.limit };
}

async function closeAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await part.close();
}

/** Labelled images of the model's own classes as they are. */
export async function prepareOwn(
  own: OwnImages,
  benchmark: Benchmark,
  selection: Selection,
): Promise<Prepared> {
  const dataset = await openDataset(own.spec);
  const part = datasetPart(dataset, 'all', { spec: own.spec });
  const title = titleOf(own, part);
  return {
    benchmark,
    name: title,
    parts: [part],
    problems: [],
    origin: originOf(own, title, part),
    normalised: true,
    isRelease: false,
    selection,
    close: () => dataset.close(),
  };
}

/** The name of the images. They are called ImageNet's only if every file has the name and label of one of its validation images. */
function titleOf(own: OwnImages, part: Part): string {
  return isImagenet(part.classes) && nameProblems(part).length === 0 ? IMAGENET : own.title;
}

function originOf({ spec: { split } }: OwnImages, title: string, { keys }: Part): string {
  // Every validation image under its own name and label.
  if (title === IMAGENET && keys.length === 50_000) return 'release';
  return [title, ...(split === '' || split === '.' ? [] : [split]), `${keys.length} images`].join(', ');
}

async function prepareGenerated(options: ImageOptions, benchmark: Benchmark): Promise<Prepared | Absent> {
  const images = await imagesToChange(options);
  if (images === undefined) {
    const { message } = await locate(findBenchmark('val'), options.dataRoot ?? '.');
    const reason = `${benchmark.name}: nothing to generate it from. ${message}`;
    return { kind: 'left out', benchmark, reason };
  }
  const dataset = await openDataset(images.spec);
  const title = titleOf(images, datasetPart(dataset, 'all'));
  const generated = await closedOnError(dataset, () =>
    generate(options, benchmark, dataset, images.spec, title),
  );
  if (generated.parts.length === 0) {
    await dataset.close();
    return { kind: 'left out', benchmark, reason: `${benchmark.name}: none of its parts was asked for` };
  }
  const style = generated.isAsReleased || title !== IMAGENET ? '' : '-style';
  return {
    benchmark,
    name: `${title}-${benchmark.id.replace(/^./, (letter) => letter.toUpperCase())}${style}`,
    ...generated,
    isRelease: false,
    problems: [],
    selection: options.selection,
    close: () => dataset.close(),
  };
}

function generate(
  options: ImageOptions,
  { variants }: Benchmark,
  dataset: Dataset,
  spec: DatasetSpec,
  title: string,
): Generated {
  const { classifier, seed, severities, difficulty, jpeg85 } = options;
  const all = { corruptions: CORRUPTIONS, bar: BAR_CORRUPTIONS, perturbations: PERTURBATIONS };
  const names = all[variants ?? 'corruptions']
    .map(({ name }) => name)
    .filter((name) => options.names?.includes(name) ?? true);
  const shared = { seed, names, difficulty, spec, isImagenet: title === IMAGENET };
  if (variants === 'perturbations') return generateP(dataset, classifier, shared);
  const generated = generateC(dataset, classifier, {
    ...shared,
    set: variants === 'bar' ? 'C-bar' : 'C',
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
    title: basename(part.path),
    spec: { kind: 'folder', root: part.path, split: '', classes: classList('imagenet-1k') },
  };
}
