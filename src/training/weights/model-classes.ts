/** The classes of given weights: stored with them, given by the user, or assumed, which is reported. */
import { classList, knownAs, sameClasses } from '../../data/classes.ts';
import { chosenClasses } from '../../data/class-choice.ts';
import { classMetadata, classesOfMetadata } from '../../data/class-metadata.ts';
import type { ClassCount, ClassInfo, ClassList, Dataset } from '../../data/dataset.ts';
import { DATASETS, openDataset } from '../../data/datasets.ts';
import { numbers } from '../../data/found-classes.ts';
import { kindOf, some } from '../../data/match-classes.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { FrameworkError } from '../../util/errors.ts';
import { describeMissing, missingClasses, storedClasses } from '../classes.ts';
import { datasetOf } from '../data.ts';
import type { RunFolder } from '../run/run-folder.ts';

/** The classes of weights. */
export interface ModelClasses {
  readonly target: ClassList | ClassCount;
  /** The assumption if neither the weights nor the command name the classes, in words. */
  readonly assumed?: string;
  /** The list was kept with the weights or chosen, so that exports may carry it. */
  readonly isKnown: boolean;
}

/** Names for outputs 0, 1, …: numbers where none are known. */
export function namesOf({ target }: ModelClasses): readonly ClassInfo[] {
  if ('classes' in target) return target.classes;
  return numbers(target.count).map(({ id }) => ({ id, name: `class ${id}` }));
}

/** The classes that exports record: stored or given ones, never assumed ones. */
export function metadataOf({ target, isKnown }: ModelClasses): Record<string, string> {
  return isKnown && 'classes' in target ? classMetadata(target.classes) : {};
}

/** The classes in a file's metadata, for a file that is written from it. */
export function keptMetadata(metadata: ReadonlyMap<string, string>): Record<string, string> {
  const kept = classesOfMetadata(metadata);
  return kept === undefined ? {} : classMetadata(kept);
}

/** Whether the outputs are ImageNet's 1000 classes in their usual order. */
export function isImagenet({ target }: ModelClasses): boolean {
  return 'classes' in target && knownAs(target.classes) === 'imagenet-1k';
}

/**
 * The classes of a run. One of before they were kept has those of its data set, or of its training images as they are now.
 * @param count outputs of its model @param isSaid `data.classes` was given with the command
 * @throws FrameworkError `model/classes` where the list has another number
 */
export async function classesOfRun(
  folder: RunFolder,
  recipe: Recipe,
  count: number,
  isSaid: boolean,
): Promise<ModelClasses> {
  const stored = await storedClasses(folder);
  const chosen = chosenClasses(recipe.data.classes, DATASETS[recipe.data.dataset]?.classList ?? null);
  if (stored !== undefined) {
    const differs =
      typeof chosen !== 'object' || !('classes' in chosen) || !sameClasses(chosen.classes, stored.classes);
    if (isSaid && differs) throw contradiction(stored, recipe.data.classes);
    return { target: checkCount(stored, count), isKnown: true };
  }
  if (typeof chosen === 'object' && 'classes' in chosen && chosen.classes.length === count)
    return assume(chosen, `the classes are taken to be ${chosen.name}, its data set's`);
  const found = await openDataset(datasetOf(recipe, 'train', 'folders')).catch((error: unknown) => {
    if (error instanceof FrameworkError) return undefined;
    throw error;
  });
  await found?.close();
  if (found?.classes.length === count)
    return assume(
      { name: found.name, classes: found.classes },
      `the classes are taken from its training images as they are now, ${found.name}: ${some(found.classes)}`,
    );
  return unnamed(`the run ${folder.root}`, count, isSaid && chosen === 'folders');

  function assume(target: ClassList, what: string): ModelClasses {
    return { target, assumed: `${folder.root} keeps no class list; ${what}`, isKnown: false };
  }
}

/**
 * The classes of a file of weights: those in its metadata, those of `--set data.classes` or of the data set that was named; 1000 that
 * nobody names are taken for ImageNet's.
 * @param data as far as the command line says
 * @throws FrameworkError `model/classes` where what is said contradicts the file
 */
export function classesOfFile(
  path: string,
  metadata: ReadonlyMap<string, string>,
  count: number,
  data: { readonly classes: string | undefined; readonly dataset: string | undefined },
): ModelClasses {
  const kept = classesOfMetadata(metadata);
  const chosen = data.classes === undefined ? undefined : chosenClasses(data.classes, null);
  if (chosen === 'folders') {
    if (kept?.length === count) throw contradiction({ name: path, classes: kept }, 'folders');
    return unnamed(path, count, true);
  }
  if (chosen !== undefined && 'classes' in chosen) {
    if (kept?.length === count && !sameClasses(kept, chosen.classes))
      throw contradiction({ name: path, classes: kept }, chosen.name);
    return { target: checkCount(chosen, count), isKnown: true };
  }
  if (kept !== undefined) return { target: checkCount({ name: path, classes: kept }, count), isKnown: true };
  const own = data.dataset === undefined ? null : (DATASETS[data.dataset]?.classList ?? null);
  if (own !== null) return { target: checkCount(classList(own), count), isKnown: true };
  if (count !== 1000) return unnamed(path, count, false);
  const assumed = `${path} names no classes; its 1000 outputs are taken for ImageNet's in the order of the wnids`;
  return { target: classList('imagenet-1k'), assumed, isKnown: false };
}

/** How the labels of images were found, for people and for the record. */
export function describeLabels(
  dataset: Dataset,
  { target, assumed }: ModelClasses,
): { lines: string[]; record: Record<string, unknown> } {
  const { matchedBy = 'id', classes } = dataset;
  const known = 'classes' in target ? undefined : knownAs(classes);
  const assumption =
    known !== undefined && assumed !== undefined
      ? `${assumed}; those of ${dataset.name} are ${known}'s, whose order its outputs are taken to have`
      : assumed;
  const isDoubtful =
    'classes' in target || known !== undefined ? assumed !== undefined : matchedBy === 'position';
  const missing = missingClasses(dataset);
  return {
    lines: [
      ...(isDoubtful && assumption !== undefined ? [assumption] : []),
      ...(matchedBy === 'number' &&
      'classes' in target &&
      target.classes.some(({ id }, i) => id !== String(i))
        ? [
            `${dataset.name} has numbers for labels: they are taken for the places of ${target.name}'s classes`,
          ]
        : []),
      ...describeMissing(dataset),
    ],
    record: {
      count: classes.length,
      matchedBy: kindOf(matchedBy, classes),
      missing: missing.length,
      ...(isDoubtful ? { assumed: assumption } : {}),
    },
  };
}

/** @param isSorted that the outputs are the folders in sorted order was said */
function unnamed(name: string, count: number, isSorted: boolean): ModelClasses {
  const assumed = isSorted
    ? `${name} names no classes; its outputs are taken for the folders in sorted order, as data.classes=folders says`
    : `${name} names no classes`;
  return { target: { name, count, ...(isSorted ? { isSorted } : {}) }, assumed, isKnown: false };
}

function checkCount(list: ClassList, count: number): ClassList {
  if (list.classes.length === count) return list;
  throw new FrameworkError(
    'model/classes',
    `${list.name} has ${list.classes.length} classes, but the model has ${count} outputs.`,
    { hint: 'Name the list of what it was trained on: --set data.classes=<name or file>.' },
  );
}

function contradiction({ name, classes }: ClassList, said: string): FrameworkError {
  return new FrameworkError(
    'model/classes',
    `data.classes is ${said}, but ${name} has a list of its own: ${some(classes)}.`,
    { hint: 'Leave out data.classes.' },
  );
}
