import { join } from 'node:path';
import type { TensorFile } from '../../formats/tensor-file.ts';
import { createModel } from '../../models/registry.ts';
import type { Model } from '../../models/model.ts';
import { loadRecipe, RECIPES, type LoadedRecipe } from '../../recipe/load.ts';
import type { Recipe } from '../../recipe/schema.ts';

/** Model options of a recipe and what the families call them. Null, and the schema's default, take the model's own value. */
const OPTIONS: readonly {
  readonly key: keyof Recipe['model'];
  readonly unset: unknown;
  readonly option: string | Readonly<Record<string, string>>;
}[] = [
  { key: 'variant', unset: null, option: { convnext: 'variant', slak: 'variant' } },
  { key: 'kernels', unset: null, option: 'kernels' },
  { key: 'smallKernel', unset: null, option: 'small' },
  { key: 'decomposed', unset: false, option: 'decomposed' },
  { key: 'merged', unset: false, option: 'merged' },
  { key: 'widthFactor', unset: 1, option: 'widthFactor' },
  { key: 'depths', unset: null, option: { replknet: 'layers', other: 'depths' } },
  { key: 'dims', unset: null, option: { resnet: 'planes', other: 'dims' } },
  { key: 'dropPath', unset: 0, option: 'dropPath' },
  { key: 'layerScaleInit', unset: 1e-6, option: 'layerScale' },
  { key: 'headInitScale', unset: 1, option: 'headInitScale' },
];

/**
 * The model a recipe names, with its options.
 * @param classes of the data, where the recipe does not say
 */
export function modelOfRecipe(settings: Recipe['model'], classes: number): Model {
  const overrides: Record<string, unknown> = { classes: settings.classes ?? classes };
  const family = /^[a-z]+/.exec(settings.name)?.[0] ?? '';
  for (const { key, unset, option } of OPTIONS) {
    const value = settings[key];
    if (value === null || value === unset) continue;
    const name = typeof option === 'string' ? option : (option[family] ?? option['other']);
    if (name !== undefined) overrides[name] = value === 'none' ? null : value;
  }
  if (settings.stemStride !== null) {
    overrides['stemPatch'] = settings.stemStride;
    overrides['stemStride'] = settings.stemStride;
  }
  const { kernels } = settings;
  // One kernel size stands for all stages.
  if (kernels?.length === 1)
    overrides['kernels'] = Array.from({ length: stagesOf(settings) }, () => kernels[0]);
  return createModel(settings.name, overrides);
}

function stagesOf(settings: Recipe['model']): number {
  if (settings.depths !== null) return settings.depths.length;
  const { kernels } = createModel(settings.name).config;
  return Array.isArray(kernels) ? kernels.length : 4;
}

/** A recipe that says nothing but the model, so that bare files take the same `--set` keys as runs. */
export async function bareRecipe(name: string, overrides: readonly string[]): Promise<LoadedRecipe> {
  createModel(name); // a misspelt name is this command's error, not the recipe's
  return loadRecipe(join(RECIPES, 'base', 'weights.yaml'), [`model.name=${name}`, ...overrides]);
}

/** What the weight of the classifier is called, in official and usual names. */
export const HEADS = ['head.weight', 'fc.weight', 'linear.weight', 'head.fc.weight'] as const;

/** The name of a file's classifier, if it is one of those. */
export function headOf(file: Pick<TensorFile, 'names'>): string | undefined {
  const names = new Set(file.names());
  return HEADS.find((name) => names.has(name));
}

/** Rows of the classifier of a file in official names. */
export function classesOf(file: Pick<TensorFile, 'names' | 'info'>): number | undefined {
  const head = headOf(file);
  return head === undefined ? undefined : file.info(head).shape[0];
}
