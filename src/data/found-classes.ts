/** The classes that data have by themselves: names of folders, or numbers of labels. */
import { imagenetClassIndex, imagenetClasses } from './classes.ts';
import type { ClassInfo } from './dataset.ts';
import { FrameworkError } from '../util/errors.ts';

/** ImageNet-21k has 21,841; more is a damaged number. */
const MAX_CLASSES = 100_000;

/** A WordNet id as ImageNet's folders are named. */
const WNID = /^n\d{8}$/;

export interface FoundClasses {
  readonly classes: readonly ClassInfo[];
  /** One for each sample. */
  readonly labels: ArrayLike<number>;
  readonly numbered: boolean;
}

/** Order of code points, as torchvision's `sorted` has it: that of UTF-8 bytes. */
export function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** A class of an id: of a wnid with its word. */
export function classOf(id: string): ClassInfo {
  const index = imagenetClassIndex(id);
  return { id, name: (index === undefined ? undefined : imagenetClasses()[index]?.name) ?? id };
}

export function isWnid(id: string): boolean {
  return WNID.test(id);
}

/** Classes of samples that name theirs, in the order of code points. @param ids one for each sample */
export function namedClasses(ids: readonly string[]): FoundClasses {
  const distinct = [...new Set(ids)].sort(compareCodePoints);
  const labelOf = new Map(distinct.map((id, label) => [id, label]));
  return { classes: distinct.map(classOf), labels: ids.map((id) => labelOf.get(id) ?? -1), numbered: false };
}

/** Classes that have numbers for names. */
export function numbers(count: number): readonly ClassInfo[] {
  return Array.from({ length: count }, (_, i) => ({ id: String(i), name: String(i) }));
}

/**
 * Classes of samples that number theirs: 0 … highest. Where every key starts with the wnid of its number (in folders of
 * ImageNet's that were packed), the wnids are their names.
 * @throws FrameworkError `data/bad-label`
 */
export function numberedClasses(keys: readonly string[], labels: ArrayLike<number>): FoundClasses {
  const wnids = keys.map((key) => key.slice(0, 9));
  if (keys.length > 0 && wnids.every((wnid, i) => imagenetClassIndex(wnid) === labels[i])) return namedClasses(wnids);
  let highest = 0;
  for (let i = 0; i < labels.length; i++) highest = Math.max(highest, labels[i] as number);
  if (highest >= MAX_CLASSES)
    throw new FrameworkError('data/bad-label', `a label is ${highest}; labels up to ${MAX_CLASSES - 1} are supported`, {
      hint: 'the file is damaged, or the column is not a class number',
    });
  return { classes: numbers(highest + 1), labels, numbered: true };
}

/**
 * Refuses names of several kinds: a folder that strayed among the wnids would be a class.
 * @throws FrameworkError `data/mixed-classes`
 */
export function checkOneKind(where: string, classes: readonly ClassInfo[]): void {
  const others = classes.filter(({ id }) => !isWnid(id));
  const count = classes.length - others.length;
  if (count === 0 || others.length === 0) return;
  const names = others.slice(0, 5).map(({ id }) => id);
  throw new FrameworkError(
    'data/mixed-classes',
    `${where}: ${count} classes are named by ImageNet wnid, but ${others.length} are not: ${names.join(', ')}`,
    { hint: 'remove those, or set data.classes=folders to have a class of each name' },
  );
}
