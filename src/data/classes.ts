/** Class lists that come with the project. */
import { readFileSync } from 'node:fs';
import type { ClassInfo, ClassList } from './dataset.ts';

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

/** Class lists that come with the project. */
const KNOWN = {
  'imagenet-1k': imagenetClasses,
  cifar10: () => CIFAR10,
  cifar100: () => CIFAR100,
  'fashion-mnist': () => FASHION_MNIST,
  mnist: () => MNIST,
} as const;

export type ClassListName = keyof typeof KNOWN;

export const CLASS_LISTS = Object.keys(KNOWN) as readonly ClassListName[];

export function classList(name: ClassListName): ClassList {
  return { name, classes: KNOWN[name]() };
}

/** The name of the known list that has the ids of `classes` in the same order. */
export function knownAs(classes: readonly ClassInfo[]): ClassListName | undefined {
  return CLASS_LISTS.find((name) => sameClasses(KNOWN[name](), classes));
}

/** The known list of these words, in whatever order they are. Numbers are no words. */
export function listOfWords(ids: readonly string[]): ClassList | undefined {
  const has = new Set(ids);
  const isOf = ({ classes }: ClassList) => classes.length === has.size && classes.every(({ id }) => has.has(id));
  return ids.every((id) => /^\d+$/.test(id)) ? undefined : CLASS_LISTS.map(classList).find(isOf);
}

/** Whether two lists have the same ids in the same order. */
export function sameClasses(a: readonly ClassInfo[], b: readonly ClassInfo[]): boolean {
  return a === b || (a.length === b.length && a.every(({ id }, i) => id === b[i]?.id));
}
