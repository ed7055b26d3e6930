/** The part of a recipe that names a model: its keys are the options of the family that it names. */
import { spreadOverStages, type ModelFamily } from '../models/family.ts';
import { families, familyOf, modelNames } from '../models/registry.ts';
import type { Field, Group } from '../schema/fields.ts';
import { FrameworkError } from '../util/errors.ts';
import { merge } from './merge.ts';
import { recipeSchema } from './schema.ts';
import type { Tree } from './tree.ts';

/** The schema for recipes of one family, whose defaults are those of the named model; or with every family's options, for files that name none. */
export function schemaOf(name?: string): Group {
  const { model } = recipeSchema.fields;
  return {
    ...recipeSchema,
    fields: { ...recipeSchema.fields, model: { ...model, fields: { ...model.fields, ...optionsOf(name) } } },
  };
}

function optionsOf(name: string | undefined): Readonly<Record<string, Field>> {
  if (name === undefined)
    return Object.assign({}, ...[...families].reverse().map(({ options }) => options)) as Record<
      string,
      Field
    >;
  const { options, preset } = familyOf(name);
  const own = preset(name);
  return Object.fromEntries(
    Object.entries(options).map(([key, field]) => [key, { ...field, default: own[key] }]),
  );
}

/**
 * Throws where `model` names no model, or sets an option that the model's family does not have. Returns the name and the tree without the
 * options that are null: those are the model's own.
 * @throws FrameworkError `model/unknown`, `recipe/no-effect`
 */
export function checkModel(tree: Tree): { readonly name: string | undefined; readonly tree: Tree } {
  const model = modelTree(tree);
  const name = nameOf(model);
  if (tree.kind !== 'map' || model === undefined || name === undefined) return { name: undefined, tree };
  const family = namedFamily(name.value, name.source);
  const entries = new Map(model.entries);
  for (const [key, value] of model.entries) {
    if (key in recipeSchema.fields.model.fields) continue;
    if (value.kind === 'scalar' && value.value === null) entries.delete(key);
    else if (!Object.hasOwn(family.options, key))
      throw new FrameworkError(
        'recipe/no-effect',
        `${value.source}: model.${key} was given, but it has no effect: ${name.value} has no such option.`,
        { hint: `Leave it out. The options of ${name.value}: ${Object.keys(family.options).join(', ')}.` },
      );
  }
  const checked = new Map(tree.entries).set('model', { ...model, entries });
  return { name: name.value, tree: { ...tree, entries: checked } };
}

function namedFamily(name: string, source: string): ModelFamily {
  try {
    return familyOf(name);
  } catch (error) {
    if (!(error instanceof FrameworkError)) throw error;
    throw new FrameworkError(error.code, `${source}: ${error.message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

/**
 * `over` on top of `base`. Options are those of the model they were given for: where `over` names one of another family, those of `base`
 * are set aside, and `note` is told.
 */
export function mergeLayers(base: Tree, over: Tree, note: (line: string) => void): Tree {
  return merge(withoutOtherFamily(base, over, note), over);
}

/** `base` without the options that are set aside under `over`. */
export function withoutOtherFamily(base: Tree, over: Tree, note: (line: string) => void): Tree {
  const [below, above] = [modelTree(base), modelTree(over)];
  const [before, after] = [nameOf(below), nameOf(above)];
  if (base.kind !== 'map' || below === undefined || before === undefined || after === undefined) return base;
  const isKnown = [before.value, after.value].every((name) => modelNames().includes(name));
  if (!isKnown || familyOf(before.value).name === familyOf(after.value).name) return base;
  const dropped = [...below.entries.keys()].filter((key) => !(key in recipeSchema.fields.model.fields));
  if (dropped.length > 0)
    note(
      `warning: ${after.value} is of another family than ${before.value} (${before.source}): ` +
        `${dropped.map((key) => `model.${key}`).join(', ')} given for that one ${dropped.length === 1 ? 'is' : 'are'} set aside`,
    );
  const kept = new Map([...below.entries].filter(([key]) => !dropped.includes(key)));
  return { ...base, entries: new Map(base.entries).set('model', { ...below, entries: kept }) };
}

/**
 * Options with one value for all stages written out.
 * @throws FrameworkError `recipe/conflict` where options contradict each other
 */
export function settleModel<M extends Readonly<{ name: string }> & Readonly<Record<string, unknown>>>(
  model: M,
  sourceOf: (path: string) => string,
): M {
  const family = familyOf(model.name);
  const settled = spreadOverStages(model, family.options);
  const conflict = family.conflict(settled);
  if (conflict === undefined) return settled;
  const paths = conflict.options.map((option) => `model.${option}`);
  const path = paths.find((each) => sourceOf(each) !== 'default') ?? paths.join(', ');
  throw new FrameworkError('recipe/conflict', `${sourceOf(path)}: ${path}: ${conflict.found}`, {
    hint: conflict.hint,
  });
}

function modelTree(tree: Tree): Extract<Tree, { kind: 'map' }> | undefined {
  const model = tree.kind === 'map' ? tree.entries.get('model') : undefined;
  return model?.kind === 'map' ? model : undefined;
}

function nameOf(
  model: Extract<Tree, { kind: 'map' }> | undefined,
): { readonly value: string; readonly source: string } | undefined {
  const name = model?.entries.get('name');
  return name?.kind === 'scalar' && typeof name.value === 'string'
    ? { value: name.value, source: name.source }
    : undefined;
}
