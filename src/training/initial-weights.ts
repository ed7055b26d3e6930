import type { Model } from '../models/model.ts';
import type { Recipe } from '../recipe/schema.ts';
import { FrameworkError } from '../util/errors.ts';
import { checkEntries } from './check-entries.ts';
import { leftOutNote, openWeights, type WeightsChoice } from './open-weights.ts';
import type { Reporter } from './reporter.ts';

/** The recipe's `init.file`, if it names one. */
export async function loadInitial(
  recipe: Recipe,
  model: Model,
  reporter: Reporter,
): Promise<Map<string, Float32Array>> {
  const { file, entry, dropHead } = recipe.init;
  if (file === null) {
    if (entry === null) return new Map();
    throw new FrameworkError('recipe/init', `init.entry is ${entry}, but init.file names no file.`, {
      hint: 'Give the file with --init, or leave init.entry out.',
    });
  }
  const without = new Set(
    dropHead ? ['head', 'fc', 'linear'].flatMap((head) => [`${head}.weight`, `${head}.bias`]) : [],
  );
  const { values, notes } = await loadWeights(file, model, { without, entry: entry ?? undefined });
  const head = dropHead ? ', classifier left out' : '';
  reporter.note(`started from ${file}: ${values.size} tensors${head}`);
  for (const note of notes) reporter.note(note);
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
    const values = new Map<string, Float32Array>();
    for (const { name } of checkEntries(file, path, model, choice.without))
      values.set(name, await file.read(name));
    return { values, notes: leftOutNote(file) };
  } finally {
    await file.close();
  }
}
