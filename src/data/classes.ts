/** Class lists that come with the project, and the rule that gives a folder its label. */
import { readFileSync } from 'node:fs';
import type { ClassInfo, ClassListChoice } from './dataset.ts';
import { FrameworkError, defined } from '../util/errors.ts';

/** A file of the project's `data/` folder, e.g. `dataFile('imagenet/classes.json')`. */
export function dataFile(path: string): URL {
  return new URL(`../../data/${path}`, import.meta.url);
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(dataFile(path), 'utf8')) as T;
}

function lazy<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** The 1000 classes of ILSVRC2012; the index is the rank of the wnid. Names are not unique (crane, maillot). */
export const imagenetClasses: () => readonly ClassInfo[] = lazy(() =>
  readJson<{ classes: [number, string, string][] }>('imagenet/classes.json').classes.map(([, id, name]) => ({
    id,
    name,
  })),
);

const imagenetIndex = lazy(() => new Map(imagenetClasses().map(({ id }, index) => [id, index])));

/** Class index of each validation image: entry i is that of `ILSVRC2012_val_<i+1>.JPEG`. */
export const imagenetValLabels: () => readonly number[] = lazy(
  () => readJson<{ labels: number[] }>('imagenet/val-labels.json').labels,
);

/** The numbers (1 … 50,000) of RobustBench's 5,000 validation images, in its order; not balanced by class. */
export const imagenetValSubset5k: () => readonly number[] = lazy(
  () => readJson<{ val_numbers: number[] }>('imagenet/val-subset-5k.json').val_numbers,
);

/** The 200 classes of ImageNet-A, -R or -O: wnids in folder order and their 1000-class indices. */
export function imagenetSubset(letter: 'a' | 'r' | 'o'): {
  readonly wnids: readonly string[];
  readonly indices1k: readonly number[];
} {
  const file = readJson<{ wnids: string[]; indices_1k: number[] }>(`imagenet/imagenet-${letter}.json`);
  return { wnids: file.wnids, indices1k: file.indices_1k };
}

/** Class index of a file `ILSVRC2012_val_00000001.JPEG`, or undefined if it is not named like one. */
export function imagenetValLabel(file: string): number | undefined {
  const digits = /^ILSVRC2012_val_(\d{8})\.[A-Za-z]+$/.exec(file)?.[1];
  return digits === undefined ? undefined : imagenetValLabels()[Number(digits) - 1];
}

/** 0 … 999, or undefined if `wnid` is none of the 1000. */
export function imagenetClassIndex(wnid: string): number | undefined {
  return imagenetIndex().get(wnid);
}

const named = (names: string): readonly ClassInfo[] =>
  names
    .trim()
    .split(/\s*,\s*/)
    .map((name) => ({ id: name, name }));

const CIFAR10 = named('airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck');

const FASHION_MNIST = named(
  't-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot',
);

const MNIST = named('0, 1, 2, 3, 4, 5, 6, 7, 8, 9');

/** The fine labels, which are in alphabetical order. */
const CIFAR100 = named(`apple, aquarium_fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle, bowl, boy,
  bridge, bus, butterfly, camel, can, castle, caterpillar, cattle, chair, chimpanzee, clock, cloud, cockroach, couch,
  crab, crocodile, cup, dinosaur, dolphin, elephant, flatfish, forest, fox, girl, hamster, house, kangaroo, keyboard,
  lamp, lawn_mower, leopard, lion, lizard, lobster, man, maple_tree, motorcycle, mountain, mouse, mushroom, oak_tree,
  orange, orchid, otter, palm_tree, pear, pickup_truck, pine_tree, plain, plate, poppy, porcupine, possum, rabbit,
  raccoon, ray, road, rocket, rose, sea, seal, shark, shrew, skunk, skyscraper, snail, snake, spider, squirrel,
  streetcar, sunflower, sweet_pepper, table, tank, telephone, television, tiger, tractor, train, trout, tulip, turtle,
  wardrobe, whale, willow_tree, wolf, woman, worm`);

export type ClassListName = Exclude<ClassListChoice, 'auto' | 'position'>;

export function classList(name: ClassListName): readonly ClassInfo[] {
  switch (name) {
    case 'imagenet':
      return imagenetClasses();
    case 'cifar10':
      return CIFAR10;
    case 'cifar100':
      return CIFAR100;
    case 'fashion-mnist':
      return FASHION_MNIST;
    case 'mnist':
      return MNIST;
  }
}

/** ImageNet-21k has 21,841; more is a damaged number. */
const MAX_CLASSES = 100_000;

/**
 * Classes for labels given as numbers: with `auto`, ImageNet's if every key starts with the wnid of its label, else 0 … highest.
 * @throws FrameworkError `data/bad-label`
 */
export function classesOfLabels(
  keys: readonly string[],
  labels: ArrayLike<number>,
  choice: ClassListChoice = 'auto',
): readonly ClassInfo[] {
  if (choice === 'auto' && keys.every((key, i) => imagenetIndex().get(key.slice(0, 9)) === labels[i]))
    return imagenetClasses();
  if (choice !== 'auto' && choice !== 'position') return classList(choice);
  let highest = 0;
  for (let i = 0; i < labels.length; i++) highest = Math.max(highest, labels[i] as number);
  if (highest >= MAX_CLASSES)
    throw new FrameworkError('data/bad-label', `a label is ${highest}; labels up to ${MAX_CLASSES - 1} are supported`, {
      hint: 'the file is damaged, or the column is not a class number',
    });
  return Array.from({ length: highest + 1 }, (_, i) => ({ id: String(i), name: String(i) }));
}

export interface ClassMapping {
  readonly classes: readonly ClassInfo[];
  readonly labelOf: ReadonlyMap<string, number>;
}

/**
 * Labels of class folders. With `auto`, folders that are all ImageNet wnids get the 1000-class index, also when only some
 * of the 1000 are there; folders of which none is one get their sorted position.
 * @param folders distinct names of the folders that hold images
 * @throws FrameworkError `data/mixed-classes` if only some are wnids: a stray folder must not renumber the others
 */
export function mapClassFolders(
  name: string,
  folders: readonly string[],
  choice: ClassListChoice = 'auto',
): ClassMapping {
  const sorted = [...folders].sort();
  if (choice === 'auto' || choice === 'position') {
    const known = sorted.filter((folder) => imagenetIndex().has(folder));
    if (choice === 'position' || known.length === 0) {
      const classes = sorted.map((id) => ({ id, name: imagenetName(id) ?? id }));
      return { classes, labelOf: new Map(sorted.map((id, i) => [id, i])) };
    }
    const other = sorted.filter((folder) => !imagenetIndex().has(folder));
    if (other.length > 0)
      throw new FrameworkError(
        'data/mixed-classes',
        `${name}: ${known.length} class folders are ImageNet wnids, but ${other.length} are not: ${other.slice(0, 5).join(', ')}`,
        { hint: 'remove those folders, or set classList to position to number all folders in sorted order' },
      );
    return {
      classes: imagenetClasses(),
      labelOf: new Map(sorted.map((id) => [id, defined(imagenetIndex().get(id), id)])),
    };
  }
  const classes = classList(choice);
  const labelOf = new Map(classes.map(({ id }, index) => [id, index]));
  const unknown = sorted.filter((folder) => !labelOf.has(folder));
  if (unknown.length > 0)
    throw new FrameworkError(
      'data/unknown-class',
      `${name}: ${unknown.length} class folders are not in the class list ${choice}: ${unknown.slice(0, 5).join(', ')}`,
      { hint: `folders must be named like ${classes[0]?.id ?? ''}, or set classList to position` },
    );
  return { classes, labelOf };
}

function imagenetName(wnid: string): string | undefined {
  const index = imagenetIndex().get(wnid);
  return index === undefined ? undefined : imagenetClasses()[index]?.name;
}
