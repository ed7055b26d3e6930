/** The classifier of weights to start from, when they know other classes or the same in another order. */
import { classList, listOfWords, sameClasses } from '../../data/classes.ts';
import { classesOfMetadata } from '../../data/class-metadata.ts';
import type { ClassInfo, ClassList } from '../../data/dataset.ts';
import { matchClasses, some } from '../../data/match-classes.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import { FrameworkError } from '../../util/errors.ts';
import { storedClasses } from '../classes.ts';
import { isRunFolder, runFolder } from '../run/run-folder.ts';

/** How the rows of a new classifier come from those of a file. */
export interface HeadRows {
  /** For each class of the new list its row in the file; undefined: the classifier is taken as it is. */
  readonly rows: readonly number[] | undefined;
  /** For people. */
  readonly note: string;
}

/**
 * Compares the classes of weights to start from with a run's. A list that holds all of the run's gives their rows by name.
 * @param path as it was named: a run folder or a file @param count rows of the file's classifier
 * @param choice the run's `data.classes`
 * @throws FrameworkError `checkpoint/classes` where the weights do not know a class of the run, `data/class-order` where nothing says
 * which row is which class
 */
export async function headRows(
  path: string,
  file: Pick<TensorFile, 'metadata'>,
  count: number,
  list: ClassList,
  choice: string,
): Promise<HeadRows> {
  const { classes } = list;
  const known = await classesOf(path, file, count);
  // Another number is an error of the classifier's shape, which names both.
  if (known === undefined && count === classes.length) return bareRows(path, list, choice);
  if (known === undefined) return { rows: undefined, note: `${path} names no classes` };
  if (sameClasses(known.classes, classes))
    return { rows: undefined, note: `its classifier knows the run's classes` };
  const rowOf = new Map(known.classes.map(({ id }, row) => [id, row]));
  const unknown = classes.filter(({ id }) => !rowOf.has(id));
  if (unknown.length > 0)
    throw new FrameworkError(
      'checkpoint/classes',
      `${path} knows ${known.classes.length} classes${known.assumed} (${some(known.classes)}), but not ${unknown.length} of the run's ${classes.length}: ${some(unknown)}.`,
      { hint: 'Add --set init.dropHead=true to train a new classifier.' },
    );
  const rows = classes.map(({ id }) => rowOf.get(id) ?? -1);
  return {
    rows,
    note: `its classifier knows ${known.classes.length} classes${known.assumed} in ${rows.length === known.classes.length ? 'another order' : 'its own order'}: the ${rows.length} rows are taken by name`,
  };
}

/** Rows of a classifier that names no classes: evaluation takes their order for known by the same rule. */
function bareRows(path: string, { name, classes }: ClassList, choice: string): HeadRows {
  const count = classes.length;
  if (choice !== 'auto')
    return {
      rows: undefined,
      note: `${path} names no classes: the order of its classifier is taken to be that of data.classes: ${choice}`,
    };
  const words = listOfWords(classes.map(({ id }) => id));
  try {
    const found = { where: name, classes, numbered: false };
    const { by, labels } = matchClasses(found, words ?? { name: path, count });
    return {
      rows: labels.map((row) => row ?? -1),
      note: `${path} names no classes: its ${count} rows are taken ${words === undefined ? `by ${by}` : `for ${words.name}'s classes in their usual order`}`,
    };
  } catch (error) {
    if (!(error instanceof FrameworkError)) throw error;
    throw new FrameworkError(error.code, error.message, {
      hint: `${error.hint ?? ''}; or train a new classifier with --set init.dropHead=true`,
    });
  }
}

async function classesOf(
  path: string,
  { metadata }: Pick<TensorFile, 'metadata'>,
  count: number,
): Promise<{ classes: readonly ClassInfo[]; assumed: string } | undefined> {
  const stored = isRunFolder(path) ? await storedClasses(runFolder(path)) : undefined;
  const classes = stored?.classes ?? classesOfMetadata(metadata);
  if (classes?.length === count) return { classes, assumed: '' };
  // As evaluation takes them.
  if (count === 1000) return { ...classList('imagenet-1k'), assumed: ", taken for ImageNet's," };
  return undefined;
}

/** Rows of a classifier's weight (rows, …) or bias (rows). */
export function takeRows(data: Float32Array, count: number, rows: readonly number[]): Float32Array {
  const width = data.length / count;
  const taken = new Float32Array(rows.length * width);
  rows.forEach((row, i) => taken.set(data.subarray(row * width, (row + 1) * width), i * width));
  return taken;
}
