/** Checks an opened part against the names, classes and counts of the release that it claims to be. */
import { extname } from 'node:path';
import { imagenetClasses, imagenetValLabels } from '../../../data/classes.ts';
import { FrameworkError } from '../../../util/errors.ts';
import type { Image } from '../../../data/image/image.ts';
import type { PartRecord } from '../benchmark.ts';
import type { Part, Problem } from './parts.ts';
import { valNumber } from './selection.ts';

/** Are these ids the 1000 of ImageNet, in their order? */
export function isImagenet(ids: readonly string[]): boolean {
  const known = imagenetClasses();
  return ids.length === known.length && ids.every((id, i) => id === known[i]?.id);
}

/** Files that are not named as the validation images are, or lie in another class than ImageNet has them in. */
export function nameProblems(part: Part): Problem[] {
  const { name, keys, classes } = part;
  const strange: string[] = [];
  const misplaced: string[] = [];
  const [known, labels] = [imagenetClasses(), imagenetValLabels()];
  for (const [item, key] of keys.entries()) {
    const index = labels[valNumber(key) - 1];
    if (index === undefined) strange.push(key);
    else if (known[index]?.id !== classes[part.label(item)]) misplaced.push(key);
  }
  const problem = (files: readonly string[], what: string): Problem[] =>
    files.length === 0
      ? []
      : [{ kind: 'names', part: name, what: `${some(files)}: ${what}`, count: files.length }];
  return [
    ...problem(strange, 'not named ILSVRC2012_val_<number> as the files of the release are'),
    ...problem(misplaced, 'ImageNet has files of these numbers in other classes'),
  ];
}

/** Too many or too few files, in all or of a class. */
export function countProblems(
  part: Part,
  { expected, expectedPerClass }: PartRecord,
  noun: 'images' | 'clips',
): Problem[] {
  const { name, keys, classes } = part;
  const counts = new Uint32Array(classes.length);
  for (const item of keys.keys()) counts[part.label(item)] = (counts[part.label(item)] ?? 0) + 1;
  const other = classes.flatMap((id, i) =>
    expectedPerClass === undefined || counts[i] === 0 || counts[i] === expectedPerClass
      ? []
      : [`${id} (${counts[i] as number})`],
  );
  const isOther = expected !== null && keys.length !== expected;
  if (!isOther && other.length === 0) return [];
  const whole = `${keys.length} ${noun}, the release has ${expected ?? 'any number'}`;
  const byClass = `; of a class it has ${expectedPerClass ?? ''}, here ${some(other)}`;
  const count = isOther ? Math.abs(keys.length - expected) : other.length;
  return [{ kind: 'count', part: name, what: whole + (other.length > 0 ? byClass : ''), count }];
}

/** Every corruption, severity and perturbation is of the same files: parts whose list is not that of most are named. */
export function sameFilesProblems(parts: readonly Part[]): Problem[] {
  const lists = new Map<string, Part[]>();
  for (const part of parts) {
    const list = part.keys.map(stem).join('\n');
    lists.set(list, [...(lists.get(list) ?? []), part]);
  }
  const [most, ...others] = [...lists.values()].sort((a, b) => b.length - a.length);
  const [reference] = most ?? [];
  if (reference === undefined) return [];
  const expected = new Set(reference.keys.map(stem));
  return others.flat().map((part) => {
    const own = new Set(part.keys.map(stem));
    const lacking = [...expected].filter((key) => !own.has(key));
    const added = [...own].filter((key) => !expected.has(key));
    const words = [
      ...(lacking.length > 0 ? [`without ${some(lacking)}`] : []),
      ...(added.length > 0 ? [`with ${some(added)}`] : []),
    ];
    const what = `other files than ${reference.name}: ${words.join(', ')}`;
    return { kind: 'names', part: part.name, what, count: lacking.length + added.length };
  });
}

function stem(key: string): string {
  return key.slice(0, key.length - extname(key).length);
}

function some(list: readonly string[]): string {
  return list.slice(0, 3).join(', ') + (list.length > 3 ? `, … (${list.length})` : '');
}

/** Throws `data/wrong-size` unless a stored image has the side that its protocol says; null: any size will do. */
export function checkStored(image: Image, stored: number | null): Image {
  if (stored === null || (image.width === stored && image.height === stored)) return image;
  throw new FrameworkError(
    'data/wrong-size',
    `it is stored at ${image.width}×${image.height} pixels, and the protocol says ${stored}×${stored}`,
    {
      hint: 'fetch the release again; images that are of another size on purpose: --stored-size <pixels>, a protocol of its own without AlexNet-normalised numbers',
    },
  );
}

/**
 * Looks at the first image of every part before anything is evaluated: a tree of another size is one mistake.
 * @throws FrameworkError `data/wrong-size`
 */
export async function checkFirstImages(benchmark: string, parts: readonly Part[]): Promise<void> {
  for (const part of parts) {
    if (part.stored === null || part.keys.length === 0) continue;
    // Unreadable files are named and counted when they are reached.
    const [first] = part.frames > 1 ? [] : await part.load(0).catch(() => []);
    if (first === undefined) continue;
    try {
      checkStored(first, part.stored);
    } catch (error) {
      if (!(error instanceof FrameworkError)) throw error;
      const message = `${benchmark}, ${part.name}/${part.keys[0] ?? ''}: ${error.message}`;
      throw new FrameworkError(error.code, message, error.hint === undefined ? {} : { hint: error.hint });
    }
  }
}
