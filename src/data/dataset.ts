/**
 * The result of every reader: a fixed, sorted list of labelled images, read by index.
 * The order is the same for the same pictures whatever they are packed in: by key, path segment by path segment.
 */
import { decodeImage } from './image/decode.ts';
import type { Image } from './image/image.ts';
import { FrameworkError } from '../util/errors.ts';

/** One class: a stable id (the wnid for ImageNet) and a name for people, which need not be unique. */
export interface ClassInfo {
  readonly id: string;
  readonly name: string;
}

export type DatasetKind =
  'folder' | 'cifar10' | 'cifar100' | 'idx' | 'imagenet-tar' | 'webdataset' | 'parquet';

/** A list of classes; a label is a position in it. */
export interface ClassList {
  /** For messages: `imagenet-1k`, `the classes of runs/a`. */
  readonly name: string;
  readonly classes: readonly ClassInfo[];
}

/** Classes of which only the number is known: those of weights whose file names none. */
export interface ClassCount {
  readonly name: string;
  readonly count: number;
  /** Whoever gave the weights said that their outputs are the folders in sorted order. */
  readonly isSorted?: boolean;
}

/**
 * The classes that labels are to count in. `folders`: those the data have, in sorted order. Otherwise the data's classes are
 * matched by name; see match-classes.ts.
 */
export type ClassTarget = 'folders' | ClassList | ClassCount;

/** How the classes of the data were matched with a list. */
export type MatchedBy = 'id' | 'word' | 'index' | 'number' | 'position';

/** Everything a process needs to open a data set: plain data, so a worker can be sent it. */
export interface DatasetSpec {
  readonly kind: DatasetKind;
  /** Folder of the data set; for archives also a single file. */
  readonly root: string;
  /** `train`, `val`, `test`, or what the format calls it, e.g. a folder such as `gaussian_noise/3`. */
  readonly split: string;
  /** Default: those found, where they are of one kind. */
  readonly classes?: ClassTarget;
  /** The list that numbers without names stand for. */
  readonly own?: ClassList;
  /** Folder for the index of an archive (default `~/.cache/largekernel/index`). */
  readonly cache?: string;
}

/** Something found beside the data that is not used; never an error by itself. */
export interface Note {
  readonly kind: 'stray' | 'hidden' | 'empty class' | 'broken link' | 'link loop' | 'duplicate class' | 'missing shard' | 'no cache';
  readonly path: string;
}

export interface Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly ClassInfo[];
  /** The data hold numbers without names: a class's id is its number. */
  readonly numbered: boolean;
  /** Where labels were matched with a list, which names the data have. */
  readonly matchedBy?: MatchedBy;
  readonly notes: readonly Note[];
  /** Index into `classes`. */
  label(index: number): number;
  /** Stable name of a sample such as `n01440764/ILSVRC2012_val_00000293.JPEG`. */
  key(index: number): string;
  /** The encoded file of a sample, or its pixels where the format holds those. */
  load(index: number): Promise<Uint8Array | Image>;
  /** Decodes one image; throws {@link FrameworkError} with the key in its message. */
  read(index: number): Promise<Image>;
  close(): Promise<void>;
}

/** The parts of a data set that differ between formats. */
export interface SampleTable {
  readonly name: string;
  readonly classes: readonly ClassInfo[];
  readonly numbered?: boolean;
  readonly notes: readonly Note[];
  readonly keys: readonly string[];
  readonly labels: ArrayLike<number>;
  /** The encoded file of sample `index`, or its pixels. */
  load(index: number, key: string): Promise<Uint8Array | Image>;
  close(): Promise<void>;
}

/** A data set from its table: checks labels and indices once for all formats. */
export function tableDataset(table: SampleTable): Dataset {
  const { name, keys, labels, classes, numbered = false } = table;
  if (keys.length === 0)
    throw new FrameworkError('data/empty', `${name}: no image was found`, {
      hint: 'check the data folder and the name of the split',
    });
  for (let i = 0; i < keys.length; i++) {
    const label = labels[i];
    if (label === undefined || !Number.isInteger(label) || label < 0 || label >= classes.length)
      throw new FrameworkError(
        'data/bad-label',
        `${name}: ${keys[i] ?? i} has label ${label}, but there are ${classes.length} classes`,
        { hint: 'the file is damaged, or another class list is meant: set data.classes' },
      );
  }
  const check = (index: number): number => {
    if (!Number.isInteger(index) || index < 0 || index >= keys.length)
      throw new FrameworkError('data/bad-index', `${name}: sample ${index} asked of ${keys.length}`);
    return index;
  };
  const load = async (index: number): Promise<Uint8Array | Image> =>
    table.load(index, keys[check(index)] as string);
  return {
    name,
    length: keys.length,
    classes,
    numbered,
    notes: table.notes,
    label: (index) => labels[check(index)] as number,
    key: (index) => keys[check(index)] as string,
    load,
    async read(index) {
      const key = keys[check(index)] as string;
      const loaded = await load(index);
      return loaded instanceof Uint8Array ? decodeImage(loaded, key) : loaded;
    },
    close: () => table.close(),
  };
}

/** Compares as {@link compareKeys} does, by one plain comparison of strings. */
function comparable(key: string): string {
  return key.replaceAll('/', '\0');
}

/** Orders keys by path segment, each by UTF-16 code units: `a/z` comes before `a-b/c`, as sorted class folders do. */
export function compareKeys(a: string, b: string): number {
  const [x, y] = [comparable(a), comparable(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The permutation that sorts `keys` by {@link compareKeys}; equal keys keep their order. */
export function sortedOrder(keys: readonly string[]): Uint32Array {
  const plain = keys.map(comparable);
  return Uint32Array.from(keys, (_, i) => i).sort((i, j) => {
    const [x, y] = [plain[i] as string, plain[j] as string];
    return x < y ? -1 : x > y ? 1 : i - j;
  });
}

/** Extensions of files that are read as images: torchvision's, and others that can be decoded. The content decides what they are. */
export const IMAGE_EXTENSIONS = 'jpg jpeg jpe jfif png webp gif tif tiff avif bmp ppm pgm pbm pnm'.split(' ');

export function isImageName(name: string): boolean {
  return IMAGE_EXTENSIONS.includes(extensionOf(name));
}

/** What follows the last dot of the last segment, in lower case; empty without one. */
export function extensionOf(name: string): string {
  return /[^/]\.([^./]*)$/.exec(name)?.[1]?.toLowerCase() ?? '';
}
