import { join } from 'node:path';
import type { TensorFile } from '../../formats/tensor-file.ts';
import { requireClassifier, type Model } from '../../models/model.ts';
import { createModel, families, familyOf } from '../../models/registry.ts';
import { loadRecipe, RECIPES, type LoadedRecipe } from '../../recipe/load.ts';
import type { Recipe } from '../../recipe/schema.ts';

/**
 * The model a recipe names, with its options, for images of its size.
 * @param classes of the data, where the recipe does not say
 */
export function modelOfRecipe({ model, data }: Pick<Recipe, 'model' | 'data'>, classes: number): Model {
  const { name, ...settings } = model;
  const { head, fixedSize } = familyOf(name);
  return createModel(name, {
    ...settings,
    classes: head === null ? 0 : (settings.classes ?? classes),
    ...(fixedSize ? { imageSize: data.imageSize } : {}),
  });
}

/**
 * The same, to be trained.
 * @throws FrameworkError `model/no-classifier`
 */
export function trainedModel(recipe: Pick<Recipe, 'model' | 'data'>, classes: number): Model {
  const model = modelOfRecipe(recipe, classes);
  requireClassifier(model);
  return model;
}

/**
 * The model that a bare file is to be of. Its classes, and its image size where entries depend on it, are the file's unless they were said.
 */
export function modelOfFile(
  { recipe, provenance }: LoadedRecipe,
  file: Pick<TensorFile, 'names' | 'info'>,
): Model {
  const shapes = new Map(file.names().map((name) => [name, file.info(name).shape]));
  const shown = familyOf(recipe.model.name).recognise(shapes)?.['imageSize'];
  const isSaid = provenance.get('data.imageSize') === 'command line';
  const imageSize = isSaid || typeof shown !== 'number' ? recipe.data.imageSize : shown;
  return modelOfRecipe({ ...recipe, data: { ...recipe.data, imageSize } }, classesOf(file) ?? 1000);
}

/** A recipe that says nothing but the model, so that bare files take the same `--set` keys as runs. */
export async function bareRecipe(name: string, overrides: readonly string[]): Promise<LoadedRecipe> {
  familyOf(name); // a misspelt name is this command's error, not the recipe's
  return loadRecipe(join(RECIPES, 'base', 'weights.yaml'), [`model.name=${name}`, ...overrides]);
}

/** Names that the weight of a classifier may have, in official names. */
export function headWeights(): string[] {
  return [...new Set(families.flatMap(({ head }) => (head === null ? [] : [`${head}.weight`])))];
}

/** The name of a file's classifier, if it is one of those. */
export function headOf(file: Pick<TensorFile, 'names'>): string | undefined {
  const names = new Set(file.names());
  return headWeights().find((name) => names.has(name));
}

/** Rows of the classifier of a file in official names. */
export function classesOf(file: Pick<TensorFile, 'names' | 'info'>): number | undefined {
  const head = headOf(file);
  const rows = head === undefined ? 0 : (file.info(head).shape[0] ?? 0);
  return rows > 0 ? rows : undefined;
}
