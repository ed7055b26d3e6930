import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { classList, imagenetClasses, imagenetSubset, imagenetValSubset5k } from '../../data/classes.ts';
import type { ClassTarget, Dataset, DatasetSpec } from '../../data/dataset.ts';
import { openDataset } from '../../data/datasets.ts';
import type { Image } from '../../data/image/image.ts';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { imagenet9Classes } from '../metrics/normalisers.ts';
import type { Difficulty } from '../corruptions/types.ts';
import type { Location, LocatedPart } from './locate.ts';
import type { Benchmark } from './records.ts';
import type { Change, PartSource, Place } from './source.ts';
import { readClip } from './video.ts';

/** Something that keeps an evaluation from being whole. Never dropped silently: named, counted, in the result. */
export interface Problem {
  readonly kind: 'missing part' | 'missing class' | 'extra class folder' | 'unreadable' | 'count' | 'folder';
  readonly part: string;
  readonly what: string;
  /** Images or folders concerned. */
  readonly count: number;
}

/** The images or clips of one part, in a fixed order. */
export interface Part {
  readonly name: string;
  /** Ids of the classes that labels count in, e.g. wnids. */
  readonly classes: readonly string[];
  readonly keys: readonly string[];
  /** Images per item: 1, or the frames of a clip. */
  readonly frames: number;
  readonly problems: readonly Problem[];
  /** The same as `load`, for worker threads; absent where the images are only in this process. */
  readonly source?: PartSource;
  label(item: number): number;
  /** Where the source has an item. */
  place(item: number): Place;
  /** The image, or the frames of the clip in order. */
  load(item: number): Promise<readonly Image[]>;
  close(): Promise<void>;
}

/**
 * Opens every part that was found; the missing ones become problems of the result.
 * @param valClasses what labels of validation images count in; those of released benchmarks are known
 */
export async function openRelease(
  location: Location,
  difficulty: Difficulty = 1,
  valClasses: ClassTarget = classList('imagenet-1k'),
): Promise<{ parts: Part[]; problems: Problem[] }> {
  const { benchmark } = location;
  const problems: Problem[] = location.missing.map((name) => ({
    kind: 'missing part',
    part: name,
    what: `no folder ${name} of ${benchmark.name} (${benchmark.source.layout})`,
    count: 1,
  }));
  const parts: Part[] = [];
  for (const located of location.parts) {
    try {
      parts.push(
        benchmark.scoring === 'stability'
          ? await openClips(benchmark, located, difficulty)
          : await openImages(benchmark, located, valClasses),
      );
    } catch (error) {
      if (!(error instanceof FrameworkError)) throw error;
      problems.push({ kind: 'missing part', part: located.record.name, what: messageOf(error), count: 1 });
    }
  }
  return { parts, problems };
}

/** Class folders the labels of a part count in; undefined where the data set's own classes are taken. */
function expectedClasses(benchmark: Benchmark): readonly string[] | undefined {
  if (benchmark.restriction !== null) return imagenetSubset(benchmark.restriction).wnids;
  if (benchmark.scoring === 'imagenet9') return imagenet9Classes().folders;
  return benchmark.id === 'val' ? undefined : imagenetClasses().map(({ id }) => id);
}

async function openImages(
  benchmark: Benchmark,
  { record, path }: LocatedPart,
  valClasses: ClassTarget,
): Promise<Part> {
  const spec: DatasetSpec = {
    kind: 'folder',
    root: path,
    split: '',
    classes: benchmark.id === 'val' ? valClasses : 'folders',
  };
  const dataset = await openDataset(spec);
  const part = datasetPart(dataset, record.name, {
    spec,
    classes: expectedClasses(benchmark),
    // The in-distribution side of ImageNet-O is 200 of the 1000 validation folders.
    ignoreOthers: benchmark.scoring === 'detection' && record.name === 'in',
  });
  // Only ImageNet's own classes have the release's counts; any other validation folder is as large as it is.
  const isRelease = benchmark.id !== 'val' || dataset.classes === imagenetClasses();
  if (!isRelease || record.expected === null || part.keys.length === record.expected) return part;
  const count: Problem = {
    kind: 'count',
    part: record.name,
    what: `${part.keys.length} images, the release has ${record.expected}`,
    count: Math.abs(part.keys.length - record.expected),
  };
  return { ...part, problems: [...part.problems, count] };
}

export interface DatasetPartOptions {
  /** Class ids the labels are counted in; default the data set's own. */
  readonly classes?: readonly string[] | undefined;
  /** Leave out images of other classes without counting them as a problem. */
  readonly ignoreOthers?: boolean;
  /** How to open the data set again in a worker thread. */
  readonly spec?: DatasetSpec | undefined;
}

/** A data set as one part. Images of classes that are not wanted are left out and counted. */
export function datasetPart(dataset: Dataset, name: string, options: DatasetPartOptions = {}): Part {
  const classes = options.classes ?? dataset.classes.map(({ id }) => id);
  const labelOf = new Map(classes.map((id, label) => [id, label]));
  const indices: number[] = [];
  const counts = new Uint32Array(classes.length);
  const extra = new Map<string, number>();
  for (let i = 0; i < dataset.length; i++) {
    const id = dataset.classes[dataset.label(i)]?.id ?? '';
    const label = labelOf.get(id);
    if (label === undefined) extra.set(id, (extra.get(id) ?? 0) + 1);
    else {
      indices.push(i);
      counts[label] = (counts[label] as number) + 1;
    }
  }
  const at = (item: number): number => indices[item] as number;
  return {
    name,
    classes,
    keys: indices.map((i) => dataset.key(i)),
    frames: 1,
    problems: [
      ...(options.ignoreOthers ? [] : extraProblems(name, extra)),
      ...missingProblems(name, classes, counts),
      ...folderProblems(name, dataset),
    ],
    ...(options.spec === undefined ? {} : { source: imagesOf(options.spec, dataset, null) }),
    label: (item) => labelOf.get(dataset.classes[dataset.label(at(item))]?.id ?? '') as number,
    place: at,
    load: async (item) => [await dataset.read(at(item))],
    close: () => dataset.close(),
  };
}

/** The source of a data set's images, changed or as they are. */
export function imagesOf(dataset: DatasetSpec, { length }: Dataset, change: Change | null): PartSource {
  return { kind: 'images', dataset, length, change };
}

function extraProblems(part: string, extra: ReadonlyMap<string, number>): Problem[] {
  return [...extra].map(([id, count]) => ({
    kind: 'extra class folder',
    part,
    what: `${id} is no class of this benchmark; its images are not evaluated`,
    count,
  }));
}

function missingProblems(part: string, classes: readonly string[], counts: Uint32Array): Problem[] {
  const empty = classes.filter((_, label) => counts[label] === 0);
  if (empty.length === 0) return [];
  const names = empty.slice(0, 5).join(', ') + (empty.length > 5 ? ', …' : '');
  return [{ kind: 'missing class', part, what: `no images of ${names}`, count: empty.length }];
}

/** Stray and hidden files, such as a README, are no problem; links that lead nowhere and doubled folders are. */
function folderProblems(part: string, dataset: Dataset): Problem[] {
  return dataset.notes
    .filter(({ kind }) => kind === 'broken link' || kind === 'duplicate class')
    .map(({ kind, path }) => ({ kind: 'folder', part, what: `${kind}: ${path}`, count: 1 }));
}

/** Clips `<wnid>/*.mp4`; labels are not needed and not given. Harder noise lies in `gaussian_noise_2` and so on. */
async function openClips(benchmark: Benchmark, located: LocatedPart, difficulty: Difficulty): Promise<Part> {
  const { record } = located;
  const isHarder = difficulty > 1 && record.name.includes('noise');
  const path = isHarder ? `${located.path}_${difficulty}` : located.path;
  const folders = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    throw new FrameworkError('data/not-found', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  });
  const keys: string[] = [];
  for (const folder of folders.filter((entry) => entry.isDirectory()).sort(byName)) {
    const files = await readdir(join(path, folder.name));
    for (const file of files.sort()) if (file.endsWith('.mp4')) keys.push(`${folder.name}/${file}`);
  }
  const frames = benchmark.frames(record.name);
  const known = new Set(imagenetClasses().map(({ id }) => id));
  const extra = new Map<string, number>();
  const wanted = keys.filter((key) => {
    const folder = key.split('/')[0] as string;
    if (known.has(folder)) return true;
    extra.set(folder, (extra.get(folder) ?? 0) + 1);
    return false;
  });
  const problems = extraProblems(record.name, extra);
  if (record.expected !== null && wanted.length !== record.expected)
    problems.push({
      kind: 'count',
      part: record.name,
      what: `${wanted.length} clips, the release has ${record.expected}`,
      count: Math.abs(wanted.length - record.expected),
    });
  return {
    name: record.name,
    classes: [],
    keys: wanted,
    frames,
    problems,
    source: { kind: 'clips', folder: path, frames },
    label: () => 0,
    place: (item) => wanted[item] as string,
    load: (item) => readClip(join(path, wanted[item] as string), frames),
    close: async () => undefined,
  };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** Which images of each part are evaluated. */
export interface Selection {
  /** At most this many of each part, evenly spaced in list order. */
  readonly limit?: number | undefined;
  /** RobustBench's 5,000 validation images, by file number; for the clean images and everything made from them. */
  readonly subset?: 'val-subset-5k' | undefined;
}

/** Items of a part that are evaluated, ascending. Throws `evaluate/selection` if none is left. */
export function selectItems(keys: readonly string[], selection: Selection): number[] {
  let items = [...keys.keys()];
  if (selection.subset !== undefined) {
    const numbers = new Set(imagenetValSubset5k());
    items = items.filter((i) => numbers.has(valNumber(keys[i] as string)));
  }
  const { limit } = selection;
  if (limit !== undefined && limit < items.length) {
    const all = items;
    items = Array.from({ length: limit }, (_, i) => all[Math.floor((i * all.length) / limit)] as number);
  }
  if (items.length === 0)
    throw new FrameworkError(
      'evaluate/selection',
      `none of the ${keys.length} files, such as ${keys[0] ?? '(none)'}, is in ${selection.subset ?? `the first ${limit ?? 0}`}`,
      { hint: 'the subset applies to images named ILSVRC2012_val_<number>; use a limit for others' },
    );
  return items;
}

function valNumber(key: string): number {
  return Number(/^ILSVRC2012_val_(\d{8})\./.exec(basename(key))?.[1] ?? -1);
}
