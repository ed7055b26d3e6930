import type { Renaming, Shapes } from '../formats/names.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import type { ParameterSpec } from '../nn/parameters.ts';
import { Recording } from '../nn/recording.ts';
import { f32 } from '../ops/tensor.ts';
import { describeType, integer, type Field } from '../schema/fields.ts';
import { readValue } from '../schema/values.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import type { Adaptation, Block, Model, Preprocessing } from './model.ts';
import { option, type CommonConfig, type Options } from './options.ts';

/** Options that contradict each other. */
export interface Conflict {
  readonly options: readonly string[];
  readonly found: string;
  readonly hint: string;
}

/** Models of one architecture, with everything that the rest of the project needs to know about them. */
export interface Family<C extends CommonConfig> {
  readonly name: string;
  /** Model name → its configuration. */
  readonly presets: Readonly<Record<string, C>>;
  /** What a recipe may set below `model`. In a list that `spread`s, one value stands for as many as there are `depths`. */
  readonly options: Options<C>;
  /** The first contradiction among options, if there is one. */
  conflict(config: C): Conflict | undefined;
  /** Records the model on images x (n, channels, h, w); returns logits (n, classes), or features without a head. */
  record(r: Recording, x: Tensor, config: C): Tensor;
  blocks(config: C): readonly Block[];
  /** The module of the classifier; null for a family that has none. */
  readonly head: string | null;
  /** Groups of layer-wise learning-rate decay, and the one of a parameter: 0 … groups − 1. */
  readonly layerDecay: {
    readonly groups: (config: C) => number;
    readonly groupOf: (parameter: string, config: C) => number;
  };
  /** Side of the images that it was published for; evaluation's default. */
  imageSize(config: C): number;
  /** Its parameters depend on the image size, which its configuration holds as `imageSize`: it takes images of that size only. */
  readonly fixedSize?: true;
  /** How a checkpoint's entry of another shape becomes one of the model's; undefined where it cannot. Default: never. */
  adapt?(entry: string, found: readonly number[], wanted: readonly number[]): Adaptation | undefined;
  preprocessing(config: C, size: number, name: string): Preprocessing;
  /** The options implied by the entries of a state dict in official names; undefined if they are not of this family. */
  recognise?(shapes: Shapes): Partial<C> | undefined;
  /** Of a recognised configuration, an option that neither entries nor published models of its kind tell. Default: none. */
  untold?(config: C): (keyof C & string) | undefined;
  /** Of a recognised configuration that is told, an option that is taken from published models, since entries show none. Default: none. */
  assumed?(config: C): (keyof C & string) | undefined;
  /** timm's names for the entries of a state dict, or the reason why there are none. Default: the same names. */
  timmNames?(shapes: Shapes, config: C, name: string): Renaming | string;
  /** torchvision's or Hugging Face's names for the entries of a state dict. Default: it has none. */
  otherNames?(naming: OtherNaming, shapes: Shapes): Renaming | string;
  /** The names of the papers' code, where the model carries others'. */
  officialNames?(shapes: Shapes): Renaming;
}

export type OtherNaming = 'torchvision' | 'huggingface';

/** A family that hides the type of its configuration. */
export interface ModelFamily {
  readonly name: string;
  readonly presets: readonly string[];
  readonly options: Readonly<Record<string, Field>>;
  readonly head: string | null;
  /** Its models are made for one image size, their option `imageSize`. */
  readonly fixedSize: boolean;
  /** The options of a preset. */
  readonly preset: (name: string) => Readonly<CommonConfig & Record<string, unknown>>;
  /** @throws FrameworkError `model/config` for an unknown option, a value that it cannot take, or a contradiction */
  create(preset: string, overrides: Readonly<Record<string, unknown>>): Model;
  conflict(config: Readonly<Record<string, unknown>>): Conflict | undefined;
  recognise(shapes: Shapes): Readonly<Record<string, unknown>> | undefined;
  untold(model: Model): string | undefined;
  assumed(model: Model): string | undefined;
  timmNames(shapes: Shapes, model: Model): Renaming | string | undefined;
  otherNames(naming: OtherNaming, shapes: Shapes): Renaming | string;
  officialNames(shapes: Shapes): Renaming | undefined;
}

export function defineFamily<C extends CommonConfig>(family: Family<C>): ModelFamily {
  const options = family.options as Readonly<Record<string, Field>>;
  const preset = (name: string): C => {
    const found = family.presets[name];
    if (found !== undefined) return found;
    throw new FrameworkError('model/unknown', `${family.name} has no preset ${name}.`);
  };
  return {
    name: family.name,
    presets: Object.keys(family.presets),
    options,
    head: family.head,
    fixedSize: family.fixedSize ?? false,
    preset: (name) => preset(name) as C & Record<string, unknown>,
    create(name, overrides) {
      const known = family.fixedSize ? { ...options, imageSize: IMAGE_SIZE } : options;
      const config = configure(name, known, preset(name), overrides) as C;
      const conflict = family.conflict(config);
      if (conflict !== undefined)
        throw new FrameworkError('model/config', `${name}: ${conflict.found}.`, {
          hint: `${conflict.hint}.`,
        });
      return makeModel(family, name, config);
    },
    conflict: (config) => family.conflict(config as unknown as C),
    recognise: (shapes) => family.recognise?.(shapes),
    untold: ({ config }) => family.untold?.(config as unknown as C),
    assumed: ({ config }) => family.assumed?.(config as unknown as C),
    timmNames: (shapes, { config, name }) => family.timmNames?.(shapes, config as unknown as C, name),
    otherNames: (naming, shapes) =>
      family.otherNames?.(naming, shapes) ?? 'names of that kind are not known for its family',
    officialNames: (shapes) => family.officialNames?.(shapes),
  };
}

const COMMON: Readonly<Record<keyof CommonConfig, Field<number>>> = {
  classes: option(integer({ min: 0, max: 2 ** 20 }), 'Classes of the classifier.'),
  channels: option(integer({ min: 1, max: 2 ** 16 }), 'Channels of the image.'),
};

const IMAGE_SIZE = option(integer({ min: 1, max: 2 ** 14 }), 'Side of the images.', { unit: 'pixels' });

/** `preset` with some of its options replaced; null and undefined leave one as it is. */
function configure(
  model: string,
  options: Readonly<Record<string, Field>>,
  preset: CommonConfig,
  overrides: Readonly<Record<string, unknown>>,
): CommonConfig {
  const fields: Readonly<Record<string, Field>> = { ...COMMON, ...options };
  const config = { ...preset } as CommonConfig & Record<string, unknown>;
  for (const [key, value] of Object.entries(overrides)) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field === undefined) throw unknownOption(model, key, Object.keys(fields));
    if (value === null || value === undefined) continue;
    const read = readValue(value, field.type);
    if (read === undefined)
      throw new FrameworkError(
        'model/config',
        `${model}: ${key} is ${JSON.stringify(value)}; allowed: ${describeType(field.type)}.`,
        { hint: field.description },
      );
    config[key] = read;
  }
  return spreadOverStages(config, fields);
}

/** One value of a list that spreads stands for all stages. */
export function spreadOverStages<C extends Readonly<Record<string, unknown>>>(
  config: C,
  fields: Readonly<Record<string, Field>>,
): C {
  const { depths } = config as { depths?: readonly number[] };
  if (depths === undefined) return config;
  const spread = Object.entries(fields).flatMap(([key, { type }]): [string, unknown][] => {
    const value = config[key];
    return type.spread === true && Array.isArray(value) && value.length === 1
      ? [[key, depths.map(() => value[0] as unknown)]]
      : [];
  });
  return { ...config, ...Object.fromEntries(spread) };
}

function unknownOption(model: string, key: string, known: readonly string[]): FrameworkError {
  const near = nearest(key, known);
  return new FrameworkError('model/config', `${model} has no option ${key}.`, {
    hint: near === undefined ? `Its options are ${known.join(', ')}.` : `Did you mean ${near}?`,
  });
}

/** Lists that need one value for each of `depths`. */
export function unequalStages(lists: Readonly<Record<string, readonly unknown[]>>): Conflict | undefined {
  const stages = lists['depths']?.length ?? 0;
  const odd = Object.entries(lists).find(([, list]) => list.length !== stages);
  if (odd === undefined) return undefined;
  const [option, list] = odd;
  return {
    options: [option, 'depths'],
    found: `${option} has ${list.length} stages, depths has ${stages}`,
    hint: 'Give one value for each stage',
  };
}

function makeModel<C extends CommonConfig>(family: Family<C>, name: string, config: C): Model {
  const blocks = family.blocks(config);
  const { head, layerDecay } = family;
  const imageSize = family.imageSize(config);
  const fixedSize = family.fixedSize ?? false;
  const declare = (): ParameterSpec[] => {
    const graph = new Graph();
    const r = new Recording(graph, { training: false });
    family.record(r, graph.input('x', f32(1, config.channels, imageSize, imageSize)), config);
    return [...r.specs.values()];
  };
  return {
    name,
    family: family.name,
    config: config as C & Record<string, unknown>,
    parameters: declare(),
    blocks,
    head,
    layers: layerDecay.groups(config),
    layerOf: (parameter) => layerDecay.groupOf(parameter, config),
    imageSize,
    fixedSize,
    adapt: ({ name: entry, shape }, found) => family.adapt?.(entry, found, shape),
    preprocessing: (size) => family.preprocessing(config, size, name),
    build(graph, { x, ...options }) {
      checkSkip(name, blocks, options.skip ?? new Set());
      if (fixedSize) checkSize(name, imageSize, x);
      const r = new Recording(graph, options);
      const logits = graph.tap(head === null ? 'features' : 'logits', family.record(r, x, config));
      return { logits, dropPaths: r.dropPaths };
    },
  };
}

function checkSize(model: string, size: number, x: Tensor): void {
  const [, , h = 0, w = 0] = x.spec.shape;
  if (h === size && w === size) return;
  throw new FrameworkError(
    'model/image-size',
    `${model} as configured takes images of ${size} × ${size} pixels, not ${h} × ${w}: its parameters depend on it.`,
    { hint: 'Set data.imageSize to the size of the images, and make the model for it.' },
  );
}

function checkSkip(model: string, blocks: readonly Block[], skip: ReadonlySet<string>): void {
  const removable = blocks.filter((block) => block.removable).map((block) => block.name);
  for (const name of skip) {
    if (removable.includes(name)) continue;
    const near = nearest(name, removable);
    const known = blocks.some((block) => block.name === name);
    throw new FrameworkError(
      'model/skip',
      known
        ? `${model}: block ${name} changes the shape of its input and cannot be left out.`
        : `${model} has no block ${name}.`,
      { hint: near === undefined ? `Blocks: ${removable.join(', ')}.` : `The nearest block is ${near}.` },
    );
  }
}
