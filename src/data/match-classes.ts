/**
 * The one rule that gives an image its label: the class it has in the data is looked up by name in the list that the model's
 * outputs stand for. Data may name classes by the list's ids (folder names, wnids), by its words (`goldfish`) or, for lists that
 * come with the project, by index; all of them in the same way.
 */
import { knownAs, listOfWords, sameClasses } from './classes.ts';
import type { ClassCount, ClassInfo, ClassList, ClassTarget, Dataset, MatchedBy } from './dataset.ts';
import { checkOneKind, isWnid, numbers } from './found-classes.ts';
import { FrameworkError, nearest } from '../util/errors.ts';

/** The label of each class found; undefined where the list has none of that name. */
export interface Match {
  readonly by: MatchedBy;
  readonly labels: readonly (number | undefined)[];
}

/** Which classes of the data have images, and where the data come from. */
interface Found {
  readonly where: string;
  readonly classes: readonly ClassInfo[];
  readonly numbered: boolean;
}

/**
 * A data set whose labels count in `said`.
 * @param own the list that numbers without names stand for in a data set known by name
 * @throws FrameworkError `data/unknown-class` and what {@link matchClasses} throws
 */
export function withClasses(found: Dataset, said: ClassTarget | undefined, own?: ClassList): Dataset {
  const dataset = named(found, said, own);
  checkDistinct(dataset);
  if (said === 'folders') return dataset;
  const counts = imagesOfClasses(dataset);
  const used = [...counts.keys()].filter((i) => counts[i] !== 0);
  const classes = used.map((i) => dataset.classes[i] as ClassInfo);
  const { name: where, numbered } = dataset;
  if (said === undefined) {
    checkOneKind(where, classes);
    return dataset;
  }
  const target = listByWords(said, classes);
  const { by, labels } = matchClasses({ where, classes, numbered }, target);
  const unknown = classes.filter((_, i) => labels[i] === undefined);
  if (unknown.length > 0) throw unknownClasses(where, unknown, target);
  const label = new Int32Array(counts.length).fill(-1);
  used.forEach((from, i) => (label[from] = labels[i] ?? -1));
  return {
    ...dataset,
    classes: 'classes' in target ? target.classes : by === 'position' ? classes : numbers(target.count),
    numbered: false,
    matchedBy: by,
    label: (index) => label[dataset.label(index)] as number,
  };
}

/**
 * Numbers are places in the list that was said, unless it is of other words than the data set's own, or has these in another order: then they
 * are the data set's own words.
 */
function named(dataset: Dataset, said: ClassTarget | undefined, own: ClassList | undefined): Dataset {
  if (!dataset.numbered || own === undefined || typeof said !== 'object' || !('classes' in said)) return dataset;
  const { classes } = own;
  const words = new Set(classes.map(({ id }) => id));
  const isNumbers = classes.every(({ id }) => /^\d+$/.test(id));
  const isKnown = knownAs(said.classes) !== undefined;
  const concerns = isKnown || said.classes.some(({ id }) => words.has(id));
  if (isNumbers || !concerns || sameClasses(said.classes, classes) || dataset.classes.length > classes.length)
    return dataset;
  return { ...dataset, classes, numbered: false };
}

/** Images whose classes are those of a list that comes with the project tell what as many outputs stand for, unless an order was said. */
function listByWords(target: ClassList | ClassCount, classes: readonly ClassInfo[]): ClassList | ClassCount {
  if ('classes' in target || target.isSorted === true || classes.length !== target.count) return target;
  return listOfWords(classes.map(({ id }) => id)) ?? target;
}

/** @throws FrameworkError `data/ambiguous-class`: labels are matched by name, so no two classes may have one. */
function checkDistinct({ name, classes }: Dataset): void {
  const ids = new Set<string>();
  for (const { id } of classes) {
    if (ids.has(id))
      throw new FrameworkError('data/ambiguous-class', `${name} has two classes named "${id}"`, {
        hint: 'give each class a name of its own',
      });
    ids.add(id);
  }
}

/** Images of each of a data set's classes. */
export function imagesOfClasses(dataset: Dataset): Uint32Array {
  const counts = new Uint32Array(dataset.classes.length);
  for (let i = 0; i < dataset.length; i++) {
    const label = dataset.label(i);
    counts[label] = (counts[label] as number) + 1;
  }
  return counts;
}

/**
 * Looks up the classes that have images in a list.
 * @throws FrameworkError `data/mixed-classes`, `data/ambiguous-class`, `data/bad-label`, `data/class-count`
 */
export function matchClasses(found: Found, target: ClassList | ClassCount): Match {
  if (found.numbered) return matchNumbers(found, target);
  return 'classes' in target ? matchNames(found, target) : matchPositions(found, target);
}

type Places = ReadonlyMap<string, readonly number[]>;

/** The ways in which a list's classes can be named. */
function vocabularies({ classes }: ClassList): readonly { by: MatchedBy; placesOf: (id: string) => readonly number[] }[] {
  const known = knownAs(classes);
  // One letter may have two codes: archives made on macOS write `é` as two characters.
  const ids = places(classes.map(({ id }) => id.normalize()));
  const words = places(classes.map(({ name }) => plain(name)));
  const isSpokenOf = known !== undefined || classes.some(({ id, name }) => id !== name);
  const none: readonly number[] = [];
  return [
    { by: 'id', placesOf: (id) => ids.get(id.normalize()) ?? none },
    { by: 'word', placesOf: (id) => (isSpokenOf ? (words.get(plain(id)) ?? none) : none) },
    {
      by: 'index',
      placesOf: (id) =>
        known !== undefined && /^\d+$/.test(id) && Number(id) < classes.length ? [Number(id)] : none,
    },
  ];
}

/** `Great_White_Shark, Carcharodon carcharias` → `great white shark` */
function plain(word: string): string {
  return (word.split(',')[0] ?? word).toLowerCase().replace(/[_\s]+/g, ' ').trim();
}

function places(names: readonly string[]): Places {
  const map = new Map<string, number[]>();
  names.forEach((name, at) => {
    const list = map.get(name);
    if (list === undefined) map.set(name, [at]);
    else list.push(at);
  });
  return map;
}

function matchNames({ where, classes }: Found, list: ClassList): Match {
  const tried = vocabularies(list).map(({ by, placesOf }) => {
    const all = classes.map(({ id }) => placesOf(id));
    return { by, all, count: all.filter((found) => found.length > 0).length };
  });
  const [best, ...others] = tried.sort((a, b) => b.count - a.count); // stable: ids first among equals
  if (best === undefined) return { by: 'id', labels: [] };
  // One that only another vocabulary knows: two ways of naming in one data set.
  for (const other of others) {
    const strays = classes.filter((_, i) => best.all[i]?.length === 0 && other.all[i]?.length !== 0);
    if (best.count > 0 && strays.length > 0) throw mixed(where, list, classes.length, best, other.by, strays);
  }
  classes.forEach(({ id }, i) => {
    const at = best.all[i] ?? [];
    if (at.length > 1) throw ambiguous(where, id, at, list);
  });
  const labels = best.all.map(([label]) => label);
  refuseDoubled(where, classes, labels, list);
  return { by: best.by, labels };
}

const KINDS: Readonly<Record<MatchedBy, string>> = {
  id: 'name',
  word: 'word',
  index: 'index',
  number: 'number',
  position: 'position',
};

/** How a list's classes are called in messages: ImageNet's ids are wnids. */
export function kindOf(by: MatchedBy, classes: readonly ClassInfo[]): string {
  return by === 'id' && classes.length > 0 && classes.every(({ id }) => isWnid(id)) ? 'wnid' : KINDS[by];
}

function mixed(
  where: string,
  list: ClassList,
  total: number,
  best: { by: MatchedBy; count: number },
  other: MatchedBy,
  strays: readonly ClassInfo[],
): FrameworkError {
  return new FrameworkError(
    'data/mixed-classes',
    `${where}: ${best.count} of ${total} classes are named by ${kindOf(best.by, list.classes)}, others by ${kindOf(other, list.classes)}: ${some(strays)}`,
    { hint: 'name all of them in the same way' },
  );
}

function ambiguous(where: string, id: string, at: readonly number[], { name, classes }: ClassList): FrameworkError {
  const which = at.map((index) => `${index} (${classes[index]?.id ?? ''})`).join(' and ');
  return new FrameworkError('data/ambiguous-class', `${where}: "${id}" may be class ${which} of ${name}`, {
    hint: 'name the classes by wnid or by index',
  });
}

/** Two classes of the data must not become one. */
function refuseDoubled(
  where: string,
  found: readonly ClassInfo[],
  labels: readonly (number | undefined)[],
  { name, classes }: ClassList,
): void {
  const first = new Map<number, string>();
  labels.forEach((label, i) => {
    if (label === undefined) return;
    const id = found[i]?.id ?? '';
    const other = first.get(label);
    if (other !== undefined)
      throw new FrameworkError(
        'data/ambiguous-class',
        `${where}: "${other}" and "${id}" are both class ${label} (${classes[label]?.id ?? ''}) of ${name}`,
        { hint: 'merge them, or rename one' },
      );
    first.set(label, id);
  });
}

/** Numbers without names are positions in the list, unless the list is numbered in another way. */
function matchNumbers({ where, classes }: Found, target: ClassList | ClassCount): Match {
  const labels = classes.map(({ id }) => Number(id));
  const count = 'classes' in target ? target.classes.length : target.count;
  if ('classes' in target) refuseOtherNumbers(where, target);
  const beyond = labels.filter((label) => label >= count);
  if (beyond.length > 0)
    throw new FrameworkError(
      'data/bad-label',
      `${where}: labels go up to ${Math.max(...beyond)}, but ${target.name} has ${count} classes, 0 to ${count - 1}`,
      { hint: 'use images of the classes the model was trained on' },
    );
  return { by: 'number', labels };
}

function refuseOtherNumbers(where: string, { name, classes }: ClassList): void {
  const ids = classes.map(({ id }) => id);
  const areNumbers = ids.every((id) => /^\d+$/.test(id));
  const isReordered = areNumbers && ids.some((id, i) => Number(id) !== i);
  const isPart = ids.every(isWnid) && knownAs(classes) !== 'imagenet-1k';
  if (!isReordered && !isPart) return;
  const own = isPart ? 'some of ImageNet’s classes' : `numbers in the order of text (${ids.slice(0, 4).join(', ')}, …)`;
  throw new FrameworkError(
    'data/ambiguous-class',
    `${where} has numbers for labels and no names, and ${name} has ${own}: a number may be meant in either`,
    { hint: 'use data that name their classes, such as one folder for each' },
  );
}

/**
 * Only the number of classes is known. Names go by their place only where that was said, for nothing can verify the order. Names that
 * are numbers count as such where the order of text is that of numbers: torchvision puts `10` before `2`.
 */
function matchPositions({ where, classes }: Found, { name, count, isSorted }: ClassCount): Match {
  const ids = classes.map(({ id }) => id);
  if (isSorted === true && classes.length === count) return { by: 'position', labels: ids.map((_, i) => i) };
  const list = `--set data.classes=<file>, one class per line in the order of the outputs`;
  const hint = `${name} names no classes; give its list with ${list}`;
  if (ids.every((id) => /^\d+$/.test(id) && Number(id) < count)) {
    const doubtful = ids.find((id) => id.length !== String(count - 1).length);
    if (doubtful === undefined) return { by: 'index', labels: ids.map(Number) };
    const what = `${where}: the class "${doubtful}" may be meant by its number, or by its place in the order of text`;
    throw new FrameworkError('data/ambiguous-class', what, { hint });
  }
  if (classes.length !== count)
    throw new FrameworkError(
      'data/class-count',
      `${where} has ${classes.length} classes and ${name} has ${count}; which is which is not known: ${some(classes)}`,
      { hint },
    );
  throw new FrameworkError(
    'data/class-order',
    `${name} names no classes: which of its ${count} outputs is which of ${some(classes)} in ${where} is not known`,
    {
      hint: `give its list with ${list}; or, if it was trained on folders of these names, whose sorted order its outputs have, say so with --set data.classes=folders`,
    },
  );
}

/** The first few of some classes, for messages. */
export function some(classes: readonly ClassInfo[], count = 5): string {
  const shown = classes.slice(0, count).map(({ id, name }) => (id === name ? id : `${id} (${name})`));
  return `${shown.join(', ')}${classes.length > count ? `, … (${classes.length})` : ''}`;
}

function unknownClasses(where: string, unknown: readonly ClassInfo[], target: ClassList | ClassCount): FrameworkError {
  const list = 'classes' in target ? target.classes : [];
  const names = list.flatMap(({ id, name }) => (isWnid(id) ? [name] : [id]));
  const near = unknown.slice(0, 5).flatMap(({ id }) => {
    const other = isWnid(id) ? undefined : nearest(id, names);
    return other === undefined ? [] : [`${other} for ${id}`];
  });
  return new FrameworkError(
    'data/unknown-class',
    `${where}: ${unknown.length === 1 ? '1 class is' : `${unknown.length} classes are`} not among the ${list.length} of ${target.name}: ${some(unknown)}`,
    {
      hint:
        near.length > 0
          ? `did you mean ${near.join(', ')}?`
          : `known are ${some(list)}; only images of these classes have a label`,
    },
  );
}
