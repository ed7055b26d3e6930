import type { Model } from '../../models/model.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { FrameworkError } from '../../util/errors.ts';
import type { ClassList } from '../../data/dataset.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import { BEFORE_HEAD, adaptedFile, checkEntries } from './check-entries.ts';
import { headRows, takeRows } from './initial-head.ts';
import { classesOf, headOf, headWeights } from './recipe-model.ts';
import { saidOtherwise } from './recognise.ts';
import { leftOutNote, openWeights, type WeightsChoice } from './open-weights.ts';
import type { Reporter } from '../log/reporter.ts';

/** The recipe's `init.file`, if it names one. @param classes of the run: its classifier starts with the rows of their names */
export async function loadInitial(
  recipe: Recipe,
  model: Model,
  classes: ClassList,
  reporter: Reporter,
): Promise<Map<string, Float32Array>> {
  const { file: path, entry, dropHead } = recipe.init;
  if (path === null) {
    if (entry === null) return new Map();
    throw new FrameworkError('recipe/init', `init.entry is ${entry}, but init.file names no file.`, {
      hint: 'Give the file with --init, or leave init.entry out.',
    });
  }
  const without = new Set(headWeights().flatMap(withBias));
  const file = await openWeights(path, { without, entry: entry ?? undefined, model: () => model });
  try {
    const { values, note } = dropHead
      ? await withoutHead(file, path, model, without)
      : await valuesByClass(file, path, model, classes, recipe.data.classes);
    reporter.note(`started from ${path}: ${values.size} tensors, ${note}`);
    const notes = [...saidOtherwise(file, model), ...adaptedFile(file, model).notes, ...leftOutNote(file)];
    notes.forEach((line) => {
      reporter.note(line);
    });
    return values;
  } finally {
    await file.close();
  }
}

async function withoutHead(
  file: TensorFile,
  path: string,
  model: Model,
  head: ReadonlySet<string>,
): Promise<{ values: Map<string, Float32Array>; note: string }> {
  const before = file.names().filter((name) => BEFORE_HEAD.test(name));
  const values = await readValues(file, path, model, new Set([...head, ...before]));
  const layers = [...new Set(before.map((name) => name.split('.', 1)[0] ?? name))];
  return {
    values,
    note: ['classifier left out', ...layers.map((layer) => `and ${layer} before it`)].join(', '),
  };
}

/** All values; the rows of the classifier are those of the run's classes. @param choice the run's `data.classes` */
export async function valuesByClass(
  file: TensorFile,
  path: string,
  model: Model,
  classes: ClassList | undefined,
  choice: string,
): Promise<{ values: Map<string, Float32Array>; note: string }> {
  const [head, count] = [headOf(file), classesOf(file)];
  if (head === undefined || count === undefined || classes === undefined)
    return { values: await readValues(file, path, model), note: 'its classifier among them' };
  const { rows, note } = await headRows(path, file, count, classes, choice);
  if (rows === undefined) return { values: await readValues(file, path, model), note };
  const names = withBias(head);
  const values = await readValues(file, path, model, new Set(names));
  for (const name of names) values.set(name, takeRows(await file.read(name), count, rows));
  return { values, note };
}

function withBias(name: string): string[] {
  return [name, name.replace(/weight$/, 'bias')];
}

async function readValues(
  file: TensorFile,
  path: string,
  model: Model,
  without?: ReadonlySet<string>,
): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  const entries = checkEntries(file, path, model, without);
  const adapted = adaptedFile(file, model);
  for (const { name } of entries) values.set(name, await adapted.file.read(name));
  return values;
}

/**
 * Every parameter and running statistic of a model from a file in official or timm names.
 * @returns also what of the file was left out, in words
 * @throws FrameworkError naming what is missing, left over, or of another shape
 */
export async function loadWeights(
  path: string,
  model: Model,
  choice: Omit<WeightsChoice, 'model'> = {},
): Promise<{ values: Map<string, Float32Array>; notes: readonly string[] }> {
  const file = await openWeights(path, { ...choice, model: () => model });
  try {
    const values = await readValues(file, path, model, choice.without);
    return { values, notes: [...adaptedFile(file, model).notes, ...leftOutNote(file)] };
  } finally {
    await file.close();
  }
}
