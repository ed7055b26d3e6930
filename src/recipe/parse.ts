/** Parses a merged tree into a frozen `Recipe`: types, ranges, defaults, and rules between keys. */
import { FrameworkError } from '../util/errors.ts';
import type { Field, Group } from '../schema/fields.ts';
import { describeType, fieldsOf } from '../schema/fields.ts';
import { readValue } from '../schema/values.ts';
import { checkModel, schemaOf, settleModel } from './model.ts';
import { peakRate } from './rate.ts';
import type { Recipe } from './schema.ts';
import type { Tree } from './tree.ts';
import { showTree } from './tree.ts';

/** Where each value came from, by dotted path: `file:line`, `command line` or `default`. */
export type Provenance = ReadonlyMap<string, string>;

/**
 * Parses a merged recipe. `label` names it where a required key is missing.
 * @throws FrameworkError `recipe/bad-value`, `recipe/missing-key`, `recipe/conflict`, `recipe/no-effect`, `model/unknown`, with file, line and path
 */
export function parseRecipe(tree: Tree, label: string): { recipe: Recipe; provenance: Provenance } {
  const provenance = new Map<string, string>();
  const checked = checkModel(tree);
  const parsed = parseGroup(checked.tree, schemaOf(checked.name), '', { label, provenance }) as Recipe;
  const model = settleModel(parsed.model, (path) => provenance.get(path) ?? 'default');
  const recipe = deepFreeze({ ...parsed, model });
  checkAgreement(recipe, provenance);
  return { recipe, provenance };
}

interface Context {
  readonly label: string;
  readonly provenance: Map<string, string>;
}

function parseGroup(tree: Tree | undefined, schema: Group, path: string, context: Context): unknown {
  const name = path.slice(0, -1) || 'a recipe';
  const isNull = tree?.kind === 'scalar' && tree.value === null;
  if (schema.nullable && (tree === undefined || isNull)) {
    context.provenance.set(name, tree?.source ?? 'default');
    return null;
  }
  const isNone = tree?.kind === 'scalar' && schema.none !== undefined && tree.value === schema.none;
  if (tree !== undefined && tree.kind !== 'map' && !isNone && !(isNull && path === '')) {
    const words = [schema.none, schema.nullable ? 'null' : undefined].filter((word) => word !== undefined);
    throw new FrameworkError(
      'recipe/bad-value',
      `${tree.source}: ${name} is ${showTree(tree)}, it should hold keys`,
      {
        hint: `keys: ${Object.keys(schema.fields).join(', ')}${words.map((word) => `; or ${word}`).join('')}`,
      },
    );
  }
  const values: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(schema.fields)) {
    const below = tree?.kind === 'map' ? tree.entries.get(key) : undefined;
    const at = `${path}${key}`;
    if (child.node === 'group')
      values[key] = parseGroup(
        isNone ? tree : below,
        isNone ? noneOf(child, schema) : child,
        `${at}.`,
        context,
      );
    else {
      values[key] = below === undefined ? fallback(child, at, context) : parseValue(below, child, at);
      context.provenance.set(
        at,
        isNone ? `${tree.source}, ${String(tree.value)}` : (below?.source ?? 'default'),
      );
    }
  }
  return values;
}

/** `none` reaches the groups inside, too. */
function noneOf(child: Group, parent: Group): Group {
  return parent.none === undefined ? child : { ...child, none: parent.none };
}

function fallback(schema: Field, path: string, context: Context): unknown {
  if (schema.default !== undefined) return schema.default;
  throw new FrameworkError(
    'recipe/missing-key',
    `${context.label} and the recipes it extends do not set ${path}`,
    {
      hint: `${schema.description} Add it, or pass --set ${path}=…`,
    },
  );
}

function parseValue(tree: Tree, schema: Field, path: string): unknown {
  const { type } = schema;
  const value = readValue(plainValue(tree), type);
  if (value !== undefined) return value;
  const unit = schema.unit === undefined ? '' : ` (${schema.unit})`;
  throw new FrameworkError(
    'recipe/bad-value',
    `${tree.source}: ${path} is ${showTree(tree)}; allowed: ${describeType(type)}${unit}`,
    {
      hint: schema.description,
    },
  );
}

/** A scalar or a list of scalars; undefined for everything else, which no type allows. */
function plainValue(tree: Tree): unknown {
  if (tree.kind === 'list')
    return tree.items.map((item) => (item.kind === 'scalar' ? item.value : undefined));
  return tree.kind === 'scalar' ? tree.value : undefined;
}

/** Rules between keys: [holds, the key to blame, what is wrong, what to do]. */
function checkAgreement(recipe: Recipe, provenance: Provenance): void {
  const { batch, schedule, augment, evaluation } = recipe;
  const micro = batch.micro === 'auto' ? 1 : Math.min(batch.micro, batch.size);
  const { resize, crop } = evaluation;
  const isMixed = augment.mixup > 0 || augment.cutmix > 0;
  const rules: readonly (readonly [boolean, string, string, string])[] = [
    [
      batch.size % micro === 0,
      'batch.micro',
      `${micro} does not divide batch.size ${batch.size}`,
      'choose a divisor, or auto',
    ],
    [
      !isMixed || augment.mixGroup % 2 === 0,
      'augment.mixGroup',
      `${augment.mixGroup} is odd, images are mixed in pairs`,
      'choose an even number',
    ],
    [
      schedule.warmupSteps !== null || schedule.warmupEpochs < schedule.epochs,
      'schedule.warmupEpochs',
      `${schedule.warmupEpochs} leaves nothing of the ${schedule.epochs} epochs`,
      'shorten the warm-up as well: --set schedule.warmupEpochs=…',
    ],
    [
      schedule.minLr <= peakRate(recipe),
      'schedule.minLr',
      `${schedule.minLr} is above the peak rate ${peakRate(recipe)}`,
      'lower schedule.minLr as well',
    ],
    [
      resize === null || crop === null || crop <= resize,
      'evaluation.crop',
      `${crop ?? 0} is above evaluation.resize ${resize ?? 0}`,
      'crop no more than the short side',
    ],
    [
      augment.scale[0] <= augment.scale[1] && augment.ratio[0] <= augment.ratio[1],
      'augment.scale',
      'the smaller number of augment.scale and augment.ratio comes first',
      'turn them round',
    ],
  ];
  for (const [holds, path, found, hint] of rules)
    if (!holds)
      throw new FrameworkError('recipe/conflict', `${provenance.get(path) ?? 'default'}: ${path}: ${found}`, {
        hint,
      });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}

/** The value at a dotted path; null below a null group. */
export function valueAt(recipe: Recipe, path: string): unknown {
  let value: unknown = recipe;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return null;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** Paths of all fields in the order of the schema: for recipes of one model, or with the options of every family. */
export function recipePaths(model?: string): (readonly [string, Field])[] {
  return [...fieldsOf(schemaOf(model))];
}
