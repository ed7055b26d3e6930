import type { Shapes } from '../../formats/names.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import type { Model } from '../../models/model.ts';
import { families } from '../../models/registry.ts';
import { FrameworkError } from '../../util/errors.ts';
import { checkEntries } from './check-entries.ts';
import { bareRecipe, classesOf, modelOfRecipe } from './recipe-model.ts';

/** Which model a state dict belongs to, from the names and shapes of its entries. */

export interface Recognised {
  readonly model: Model;
  /** The model's options in a recipe's terms, as `--set` takes them; without the name and the classes. */
  readonly settings: readonly string[];
}

/** A family's options as far as entries show them. */
type Options = Readonly<Record<string, unknown>>;

interface Sighting {
  readonly family: string;
  readonly options: Options;
}

/** Stages and blocks beyond which no model is looked for. */
const MAX_STAGES = 8;
const MAX_BLOCKS = 1000;

/** Options of the families and the recipe's keys for them. Those without a key have to be the preset's. */
const KEYS: Readonly<Record<string, string>> = {
  depths: 'depths',
  layers: 'depths',
  dims: 'dims',
  planes: 'dims',
  kernels: 'kernels',
  small: 'smallKernel',
  stemStride: 'stemStride',
  variant: 'variant',
  decomposed: 'decomposed',
  merged: 'merged',
  layerScale: 'layerScaleInit',
};

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
  const seen = [convnext, replknet, resnet].map((look) => look(shapes)).find((found) => found !== undefined);
  const family = families.find(({ name }) => name === seen?.family);
  if (seen === undefined || family === undefined) return undefined;
  const candidates = family.presets
    .map((name) => ({ name, settings: differences(family.create(name, {}).config, seen.options) }))
    .sort((a, b) => a.settings.length - b.settings.length || awkwardness(a) - awkwardness(b))
    .sort((a, b) => Number(b.name === preferred) - Number(a.name === preferred));
  for (const { name, settings } of candidates) {
    const model = await fitting(file, name, settings);
    if (model !== undefined) return { model, settings };
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
    const model = modelOfRecipe(recipe.model, classesOf(file) ?? 1000);
    checkEntries(file, name, model);
    return model;
  } catch (error) {
    // Settings that no recipe takes or that give other entries: not this model.
    if (error instanceof FrameworkError) return undefined;
    throw error;
  }
}

function differences(preset: Options, seen: Options): string[] {
  return Object.entries(seen)
    .filter(([option, value]) => KEYS[option] !== undefined && !same(preset[option], value))
    .map(
      ([option, value]) =>
        `model.${KEYS[option] ?? option}=${value === null ? 'none' : JSON.stringify(value)}`,
    );
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** How many different numbers follow `prefix` in the names. */
function childrenOf(shapes: Shapes, prefix: string): number {
  const found = new Set<string>();
  for (const name of shapes.keys()) {
    if (!name.startsWith(prefix)) continue;
    const [number = ''] = /^\d+/.exec(name.slice(prefix.length)) ?? [];
    if (number !== '') found.add(number);
  }
  return found.size;
}

/** One value for each stage; nothing where there are no stages or absurdly many blocks. */
function perStage(shapes: Shapes, children: (stage: number) => number): number[] | undefined {
  const depths: number[] = [];
  for (let stage = 0; stage < MAX_STAGES && children(stage) > 0; stage++) {
    depths.push(children(stage));
    if (depths.reduce((sum, depth) => sum + depth, 0) > MAX_BLOCKS) return undefined;
  }
  return depths.length === 0 ? undefined : depths;
}

/** What the first block of each stage says of its large kernel. */
function kernelOptions(shapes: Shapes, blocks: readonly string[]): Options {
  const modules = blocks.map((block) => `${block}.large_kernel`);
  const extent = (name: string, axis: number) => shapes.get(name)?.at(axis);
  const branches = ['lkb_reparam.weight', 'lkb_origin.conv.weight', 'LoRA1.conv.weight'];
  const kernels = modules.map((module) =>
    branches.map((leaf) => extent(`${module}.${leaf}`, 2)).find((size) => size !== undefined),
  );
  if (shapes.has(`${modules[0] ?? ''}.lkb_reparam.weight`)) return { kernels, merged: true };
  const small = modules
    .flatMap((module) => [
      extent(`${module}.small_conv.conv.weight`, 2),
      extent(`${module}.LoRA1.conv.weight`, 3),
    ])
    .find((size) => size !== undefined);
  return { kernels, small: small ?? null, decomposed: shapes.has(`${modules[0] ?? ''}.LoRA1.conv.weight`) };
}

function convnext(shapes: Shapes): Sighting | undefined {
  const stem = shapes.get('downsample_layers.0.0.weight');
  const depths = perStage(shapes, (stage) => childrenOf(shapes, `stages.${stage}.`));
  if (stem === undefined || depths === undefined) return undefined;
  const blocks = depths.map((_, stage) => `stages.${stage}.0`);
  const plain = shapes.has('stages.0.0.dwconv.weight');
  const options = {
    depths,
    dims: blocks.map((block) => shapes.get(`${block}.norm.weight`)?.[0]),
    stemStride: stem.at(-1),
    ...(shapes.has('stages.0.0.gamma') ? {} : { layerScale: 0 }),
    variant: plain ? 'plain' : 'slak',
    ...(plain
      ? { kernels: blocks.map((block) => shapes.get(`${block}.dwconv.weight`)?.at(-1)), small: null }
      : kernelOptions(shapes, blocks)),
  };
  return { family: 'convnext', options };
}

function replknet(shapes: Shapes): Sighting | undefined {
  if (!shapes.has('stem.0.conv.weight')) return undefined;
  const layers = perStage(shapes, (stage) => childrenOf(shapes, `stages.${stage}.blocks.`) / 2);
  if (layers === undefined) return undefined;
  const blocks = layers.map((_, stage) => `stages.${stage}.blocks.0`);
  const { decomposed: _, ...kernels } = { decomposed: false, ...kernelOptions(shapes, blocks) };
  const dims = blocks.map((block) => shapes.get(`${block}.prelkb_bn.weight`)?.[0]);
  return { family: 'replknet', options: { layers, dims, ...kernels } };
}

function resnet(shapes: Shapes): Sighting | undefined {
  const depths = perStage(shapes, (stage) => childrenOf(shapes, `layer${stage + 1}.`));
  if (depths === undefined || !shapes.has('conv1.weight')) return undefined;
  const bottleneck = shapes.has('layer1.0.conv3.weight') ? 'resnet-bottleneck' : 'resnet-basic';
  const planes = depths.map((_, stage) => shapes.get(`layer${stage + 1}.0.conv1.weight`)?.[0]);
  return {
    family: shapes.has('linear.weight') ? 'resnet-cifar' : bottleneck,
    options: { depths, planes },
  };
}
