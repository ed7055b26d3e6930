import type { TensorFile } from '../../formats/tensor-file.ts';
import { MODEL_NAME, MODEL_SETTINGS } from '../../formats/model-metadata.ts';
import { Graph, type Node } from '../../graph/graph.ts';
import { families, familyOf } from '../../models/registry.ts';
import type { Model } from '../../models/model.ts';
import { f32 } from '../../ops/tensor.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { checkEntries } from './check-entries.ts';
import { bareRecipe, classesOf, modelOfRecipe } from './recipe-model.ts';

/**
 * Identifies the model of a state dict by the names and shapes of its entries, with the families' recognisers, and by what the file says
 * of options that leave no trace in them.
 */

export interface Recognised {
  readonly model: Model;
  /** The model's options in a recipe's terms, as `--set` takes them; without the name and the classes. */
  readonly settings: readonly string[];
  /** The key of a setting that nothing tells; the model has it made up. */
  readonly untold: string | undefined;
  /** The key of a setting that the model has as published ones of its kind have it; the file does not say. */
  readonly assumed: string | undefined;
  /** Settings that the file says, but that no model with its entries takes. */
  readonly passedOver: readonly string[];
}

type Described = Pick<TensorFile, 'names' | 'info'> & Partial<Pick<TensorFile, 'metadata'>>;

/**
 * The model whose declarations a file in official names meets exactly, in the fewest settings, if there is one.
 * Strides leave no trace in the entries: a stem's is taken to be its kernel, unless the file says another.
 * @param preferred the preset to describe it by, if that is possible at all; default: the one that the file names
 * @example (await recogniseModel(officialNames(file)))?.model.name
 */
export async function recogniseModel(
  file: Described,
  preferred = preferredModel(file),
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
      const known = saidOf(file, name);
      for (const more of known.length > 0 ? [known, []] : [[]]) {
        const model = await fitting(file, name, [...settings, ...more]);
        const passedOver = known.filter((setting) => !more.includes(setting));
        if (model !== undefined) return { ...described(model, settings, more), passedOver };
      }
    }
  }
  return undefined;
}

/** @param seen settings by the entries @param said settings by the file, which go before those */
function described(
  model: Model,
  seen: readonly string[],
  said: readonly string[],
): Omit<Recognised, 'passedOver'> {
  const family = familyOf(model.name);
  const saidKeys = new Set(said.map(keyOf));
  const unsaid = (option: string | undefined) =>
    option === undefined || saidKeys.has(`model.${option}`) ? undefined : `model.${option}`;
  const untold = unsaid(family.untold(model));
  const assumed = untold === undefined ? unsaid(family.assumed(model)) : undefined;
  const known = seen.filter((setting) => !saidKeys.has(keyOf(setting)) && keyOf(setting) !== untold);
  return { model, settings: [...known, ...said], untold, assumed };
}

/** The model a file names: as `merge` writes it, or as the ImageNet example of pytorch/examples does. */
function preferredModel({ metadata }: Partial<Pick<TensorFile, 'metadata'>>): string | undefined {
  return metadata?.get(MODEL_NAME) ?? metadata?.get('arch');
}

/**
 * What a file says of a model that its entries do not tell, for `--set`. Anyone may have written it: what is no option of the model, or is
 * said of another, is passed over.
 */
export function saidOf(file: Partial<Pick<TensorFile, 'metadata'>>, name: string): readonly string[] {
  const of = file.metadata?.get(MODEL_NAME);
  if (of !== undefined && of !== name) return [];
  const { options } = familyOf(name);
  return settingsIn(file).filter(
    (setting) => setting.startsWith('model.') && keyOf(setting).slice(6) in options,
  );
}

/** All settings in a file's metadata. */
export function settingsIn({ metadata }: Partial<Pick<TensorFile, 'metadata'>>): readonly string[] {
  try {
    const said: unknown = JSON.parse(metadata?.get(MODEL_SETTINGS) ?? '[]');
    return Array.isArray(said) ? said.filter((setting) => typeof setting === 'string') : [];
  } catch {
    return [];
  }
}

/** A line about each option that a file says otherwise than a model has it. */
export function saidOtherwise(file: TensorFile, { name, config }: Model): readonly string[] {
  return saidOf(file, name)
    .map((setting) => ({ setting, own: JSON.stringify(config[keyOf(setting).slice(6)]) }))
    .filter(({ setting, own }) => setting !== `${keyOf(setting)}=${own}`)
    .map(({ setting, own }) => `${file.path} says ${setting}; the model has ${own}`);
}

/** How a command names a bare file's model. */
export interface Naming {
  readonly model: string;
  /** For `--set`. */
  readonly settings: readonly string[];
  /** The entries alone tell it. */
  readonly isTold: boolean;
}

/** The words that make a model anew, what its entries do not tell among them. */
export async function namingOf(model: Model): Promise<Naming> {
  const { name, config, parameters } = model;
  const shapes = new Map(parameters.map((spec) => [spec.name, spec.shape]));
  const info = (entry: string) => ({ dtype: 'F32', shape: defined(shapes.get(entry), entry) }) as const;
  const found = await recogniseModel({ names: () => [...shapes.keys()], info }, name);
  if (found !== undefined && found.untold === undefined && computes(found.model) === computes(model))
    return { model: found.model.name, settings: found.settings, isTold: true };
  const { preset, options } = familyOf(name);
  const own = Object.fromEntries(
    Object.entries(config).filter(([key]) => key in options && !options[key]?.onlyTraining),
  );
  // What the entries seem to say is said otherwise even where it is the preset's.
  const settings = [
    ...differences(preset(name), own),
    ...(found === undefined ? [] : differences(found.model.config, own)),
  ];
  return { model: name, settings: [...new Set(settings)], isTold: false };
}

/** Metadata for a file of a model's weights: what its entries do not tell of it. Empty where they tell everything. */
export async function untoldMetadata(model: Model): Promise<Record<string, string>> {
  const { model: name, settings, isTold } = await namingOf(model);
  return isTold ? {} : { [MODEL_NAME]: name, [MODEL_SETTINGS]: JSON.stringify(settings) };
}

/** What a model computes in evaluation, as a text that is the same for models that compute the same. */
function computes(model: Model): string {
  const graph = new Graph();
  const x = graph.input('x', f32(1, model.config.channels, model.imageSize, model.imageSize));
  model.build(graph, { x, training: false });
  const inputs = (node: Node) => Object.entries(node.inputs).map(([name, { id }]) => [name, id]);
  return JSON.stringify(graph.nodes.map((node) => [node.op.name, node.attrs, inputs(node)]));
}

function keyOf(setting: string): string {
  return setting.slice(0, setting.indexOf('='));
}

/** Among equals, other widths than any preset's are the custom model's. */
function awkwardness({ name, settings }: { name: string; settings: readonly string[] }): number {
  const changesWidths = settings.some((setting) => setting.startsWith('model.dims='));
  return changesWidths === name.endsWith('-custom') ? 0 : 1;
}

async function fitting(
  file: Described,
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
