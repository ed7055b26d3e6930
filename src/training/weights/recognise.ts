import type { TensorFile } from '../../formats/tensor-file.ts';
import { families } from '../../models/registry.ts';
import type { Model } from '../../models/model.ts';
import { FrameworkError } from '../../util/errors.ts';
import { checkEntries } from './check-entries.ts';
import { bareRecipe, classesOf, modelOfRecipe } from './recipe-model.ts';

/** Identifies the model of a state dict by the names and shapes of its entries, with the families' recognisers. */

export interface Recognised {
  readonly model: Model;
  /** The model's options in a recipe's terms, as `--set` takes them; without the name and the classes. */
  readonly settings: readonly string[];
}

/**
 * The model whose declarations a file in official names meets exactly, in the fewest settings, if there is one.
 * Strides leave no trace in the entries: a stem's is taken to be its kernel.
 * @param preferred the preset to describe it by, if that is possible at all
 * @example (await recogniseModel(officialNames(file)))?.model.name
 */
export async function recogniseModel(
  file: Pick<TensorFile, 'names' | 'info'>,
  preferred?: string,
): Promise<Recognised | undefined> {
  const shapes = new Map(file.names().map((name) => [name, file.info(name).shape]));
  for (const family of families) {
    const seen = family.recognise(shapes);
    if (seen === undefined) continue;
    const candidates = family.presets
      .map((name) => ({ name, settings: differences(family.preset(name), seen) }))
      .sort((a, b) => a.settings.length - b.settings.length || awkwardness(a) - awkwardness(b))
      .sort((a, b) => Number(b.name === preferred) - Number(a.name === preferred));
    for (const { name, settings } of candidates) {
      const model = await fitting(file, name, settings);
      if (model !== undefined) return { model, settings };
    }
  }
  return undefined;
}

/** The model a file names: as `merge` writes it, or as the ImageNet example of pytorch/examples does. */
export function preferredModel({ metadata }: Pick<TensorFile, 'metadata'>): string | undefined {
  return metadata.get('largekernel.model') ?? metadata.get('arch');
}

/** Among equals, other widths than any preset's are the custom model's. */
function awkwardness({ name, settings }: { name: string; settings: readonly string[] }): number {
  const changesWidths = settings.some((setting) => setting.startsWith('model.dims='));
  return changesWidths === name.endsWith('-custom') ? 0 : 1;
}

async function fitting(
  file: Pick<TensorFile, 'names' | 'info'>,
  name: string,
  settings: readonly string[],
): Promise<Model | undefined> {
  try {
    const { recipe } = await bareRecipe(name, settings);
    const model = modelOfRecipe(recipe, classesOf(file) ?? 1000);
    checkEntries(file, name, model);
    return model;
  } catch (error) {
    // Settings that no recipe takes or that give other entries: not this model.
    if (error instanceof FrameworkError) return undefined;
    throw error;
  }
}

function differences(
  preset: Readonly<Record<string, unknown>>,
  seen: Readonly<Record<string, unknown>>,
): string[] {
  return Object.entries(seen)
    .filter(([option, value]) => JSON.stringify(preset[option]) !== JSON.stringify(value))
    .map(([option, value]) => {
      const key = option === 'imageSize' ? 'data.imageSize' : `model.${option}`;
      return `${key}=${value === 'none' ? value : JSON.stringify(value)}`;
    });
}
