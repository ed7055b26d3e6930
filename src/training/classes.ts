/** The classes of a run: chosen by its recipe, matched in both splits, kept in its folder. */
import { sameClasses } from '../data/classes.ts';
import type { ClassInfo, ClassList, Dataset } from '../data/dataset.ts';
import { openDataset } from '../data/datasets.ts';
import { imagesOfClasses, kindOf, some } from '../data/match-classes.ts';
import type { Recipe } from '../recipe/schema.ts';
import { FrameworkError } from '../util/errors.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../util/sealed.ts';
import { datasetOf } from './data.ts';
import type { RunFolder } from './run/run-folder.ts';

const CLASSES = sealedKind<ClassList>(
  'class list',
  1,
  'Restore it from a copy: without it nobody knows what the model’s outputs stand for.',
);

/**
 * The classes that training images have, checked against the model's and against the evaluation images.
 * @param note told what was chosen, and which classes have no image
 * @throws FrameworkError `model/classes`, `data/unknown-class` and what opening the images throws
 */
export async function matchSplits(
  recipe: Recipe,
  training: Dataset,
  note: (line: string) => void,
): Promise<ClassList> {
  const list = trainingClasses(recipe, training);
  describeClasses(training, list.name, recipe.data.classes).forEach(note);
  const evaluation = await openDataset(datasetOf(recipe, 'val', list));
  try {
    describeMissing(evaluation).forEach(note);
  } finally {
    await evaluation.close();
  }
  return list;
}

/** @throws FrameworkError `model/classes` where the recipe wants another number of outputs */
export function trainingClasses({ model, data }: Recipe, { name, matchedBy, classes }: Dataset): ClassList {
  if (classes.length < 2)
    throw new FrameworkError('model/classes', `${name} has images of one class only: ${some(classes)}.`, {
      hint: 'Give at least two classes, each in a folder of its own.',
    });
  if (model.classes !== null && model.classes !== classes.length)
    throw new FrameworkError(
      'model/classes',
      `model.classes is ${model.classes}, but data.classes: ${data.classes} gives ${classes.length} for ${name}: ${some(classes)}.`,
      {
        hint: 'Leave out model.classes, or choose the list with data.classes: imagenet-1k, or a file with one class per line.',
      },
    );
  return { name: matchedBy === undefined ? name : listName(data), classes };
}

function listName({ classes, dataset }: Recipe['data']): string {
  return classes === 'auto' ? dataset : classes;
}

/** The classes that training labels refer to, in words. */
export function describeClasses(dataset: Dataset, name: string, choice: string): string[] {
  const { classes, matchedBy, numbered } = dataset;
  const how =
    matchedBy === undefined
      ? `${numbered ? 'numbers' : 'names'} found in ${name} (data.classes: ${choice})`
      : `of ${name} (data.classes: ${choice}), matched by ${kindOf(matchedBy, classes)}`;
  const order = isNumberedInTextOrder(classes)
    ? ['the class names are numbers in the order of text, as torchvision has them: 10 comes before 2']
    : [];
  return [`${classes.length} classes, ${how}: ${some(classes, 10)}`, ...order, ...describeMissing(dataset)];
}

function isNumberedInTextOrder(classes: readonly ClassInfo[]): boolean {
  return classes.every(({ id }) => /^\d+$/.test(id)) && classes.some(({ id }, i) => Number(id) !== i);
}

/** Classes of which a data set has no image. */
export function missingClasses(dataset: Dataset): ClassInfo[] {
  const counts = imagesOfClasses(dataset);
  return dataset.classes.filter((_, label) => counts[label] === 0);
}

/** A line on the classes without images, if there are any. */
export function describeMissing(dataset: Dataset): string[] {
  const missing = missingClasses(dataset);
  if (missing.length === 0) return [];
  const of = `${missing.length} of ${dataset.classes.length} classes`;
  return [`${dataset.name} has no images of ${of}: ${some(missing)}`];
}

/** The list that a run was trained with; undefined for runs of before it was kept. */
export async function storedClasses(folder: RunFolder): Promise<ClassList | undefined> {
  const stored = await readSealedIfThere(folder.classes, CLASSES);
  return stored === undefined ? undefined : { ...stored, name: `the run ${folder.root}` };
}

/** Keeps the list with the run. */
export async function keepClasses(folder: RunFolder, list: ClassList): Promise<void> {
  await writeSealed(folder.classes, CLASSES, list);
}

/** @throws FrameworkError `data/classes-changed` where the training images have other classes than when the run began */
export async function checkSameClasses(
  folder: RunFolder,
  now: ClassList,
  note: (line: string) => void,
): Promise<void> {
  const before = await storedClasses(folder);
  if (before === undefined) {
    note(`${folder.root} keeps no class list: it is taken to have begun with the classes there are now`);
    return;
  }
  if (sameClasses(before.classes, now.classes)) return;
  const lost = without(before.classes, now.classes);
  const added = without(now.classes, before.classes);
  const parts = [
    ...(lost.length > 0 ? [`gone: ${some(lost)}`] : []),
    ...(added.length > 0 ? [`new: ${some(added)}`] : []),
    ...(lost.length + added.length === 0 ? ['the same in another order'] : []),
  ];
  throw new FrameworkError(
    'data/classes-changed',
    `${folder.root} was trained with ${before.classes.length} classes, and ${now.name} now has ${now.classes.length}; ${parts.join('; ')}.`,
    { hint: 'Restore the class folders, or start a new run with another --out.' },
  );
}

function without(a: readonly ClassInfo[], b: readonly ClassInfo[]): ClassInfo[] {
  const ids = new Set(b.map(({ id }) => id));
  return a.filter(({ id }) => !ids.has(id));
}
