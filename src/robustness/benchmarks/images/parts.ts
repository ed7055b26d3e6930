import type { Dataset, DatasetSpec } from '../../../data/dataset.ts';
import type { Image } from '../../../data/image/image.ts';
import type { InputChange } from '../../inputs/change.ts';
import type { Change, PartSource, Place } from './source.ts';

/** Something that keeps an evaluation from being whole, or that its reader must know. Never dropped silently: named, counted, in the result. */
export interface Problem {
  readonly kind:
    'missing part' | 'missing class' | 'extra class folder' | 'unreadable' | 'count' | 'names' | 'folder';
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
  /** Side in pixels that every stored image has; null where sizes vary. */
  readonly stored: number | null;
  /** `model`: the model's own resize and crop. `input`: only resized to the side of the input, where it has another. */
  readonly fit: 'model' | 'input';
  /** What is done to the model's input, after resize, crop and normalisation. */
  readonly input?: InputChange;
  /** What sets it apart from the other parts, for people: goes into the result. */
  readonly note?: string;
  /** The same as `load`, for worker threads; absent where the images are only in this process. */
  readonly source?: PartSource;
  label(item: number): number;
  /** All labels that are right, where an image may have several. */
  answers?(item: number): readonly number[];
  /** Images that were found and have no right answer: they are no items. */
  readonly unlabelled?: number;
  /** Where the source has an item. */
  place(item: number): Place;
  /** The image, or the frames of the clip in order. */
  load(item: number): Promise<readonly Image[]>;
  /** What is stored of an item, before anything is made of it; absent where nothing is. */
  readonly bytes?: (item: number) => Promise<Uint8Array | Image>;
  close(): Promise<void>;
}

export interface DatasetPartOptions {
  /** Class ids the labels are counted in; default the data set's own. */
  readonly classes?: readonly string[] | undefined;
  /** Leave out images of other classes without counting them as a problem. */
  readonly ignoreOthers?: boolean;
  readonly stored?: number | null;
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
    stored: options.stored ?? null,
    fit: options.stored === undefined || options.stored === null ? 'model' : 'input',
    problems: [
      ...(options.ignoreOthers ? [] : extraProblems(name, extra)),
      ...missingProblems(name, classes, counts),
      ...folderProblems(name, dataset),
    ],
    ...(options.spec === undefined ? {} : { source: imagesOf(options.spec, dataset, null) }),
    label: (item) => labelOf.get(dataset.classes[dataset.label(at(item))]?.id ?? '') as number,
    place: at,
    load: async (item) => [await dataset.read(at(item))],
    bytes: (item) => dataset.load(at(item)),
    close: () => dataset.close(),
  };
}

/** The source of a data set's images, changed or as they are. */
export function imagesOf(dataset: DatasetSpec, { length }: Dataset, change: Change | null): PartSource {
  return { kind: 'images', dataset, length, change };
}

export function extraProblems(part: string, extra: ReadonlyMap<string, number>): Problem[] {
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
