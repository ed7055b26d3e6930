import { join } from 'node:path';
import type { TensorFile } from '../../formats/tensor-file.ts';
import { requireClassifier, type Model } from '../../models/model.ts';
import { createModel, families, familyOf } from '../../models/registry.ts';
import { loadRecipe, RECIPES, type LoadedRecipe } from '../../recipe/load.ts';
import type { Recipe } from '../../recipe/schema.ts';

/**
 * The model a recipe names, with its options.
 * @param classes of the data, where the recipe does not say
 * @throws FrameworkError `model/no-classifier`
 */
export function modelOfRecipe({ name, ...settings }: Recipe['model'], classes: number): Model {
  const model = createModel(name, { ...settings, classes: settings.classes ?? classes });
  requireClassifier(model);
  return model;
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
  return head === undefined ? undefined : file.info(head).shape[0];
}
