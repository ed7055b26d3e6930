/** From a recipe's name or file, its parents and the command line to one resolved recipe. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FrameworkError, nearest } from '../util/errors.ts';
import { existsNow, readText } from '../util/files.ts';
import { isSealed, unsealedBytes } from '../util/sealed.ts';
import { expand, merge, without } from './merge.ts';
import { mergeLayers, schemaOf, withoutOtherFamily } from './model.ts';
import { parseRecipe } from './parse.ts';
import type { Provenance } from './parse.ts';
import { resolvedYaml, RUN_RECIPE } from './resolved.ts';
import type { Recipe } from './schema.ts';
import { rateWarning } from './rate.ts';
import { parseTree, showTree } from './tree.ts';
import type { MapTree, Tree } from './tree.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const RECIPES = join(ROOT, 'recipes');
const BASE = join(RECIPES, 'base');

export interface LoadedRecipe {
  readonly recipe: Recipe;
  readonly provenance: Provenance;
  /** Paths of the overrides, as they were given. */
  readonly overridden: readonly string[];
  /** The file itself, as its values' sources name it. */
  readonly file: string;
  /** Lines for people before anything runs. */
  readonly warnings: readonly string[];
  /** Every value with the place it came from as a comment; itself a recipe. */
  readonly yaml: string;
}

/**
 * Loads a recipe of the project by name (`convnext-t-k31`) or any file (`./mine.yaml`), with overrides `path=value`, the value in YAML.
 * Keys of a file stand over those of its parents (`extends`), later parents over earlier ones, the command line over all.
 * @throws FrameworkError `recipe/…` with file, line and path of the key
 * @example const { recipe } = await loadRecipe('convnext-t', ['batch=1024', 'model.kernels=[31,29,27,13]']);
 */
export async function loadRecipe(
  nameOrFile: string,
  overrides: readonly string[] = [],
): Promise<LoadedRecipe> {
  const file = await findRecipe(nameOrFile);
  const warnings: string[] = [];
  const note = (line: string) => warnings.push(line);
  const known = schemaOf();
  const set = overrides.map((override) => expand(parseOverride(override), known, known));
  const layers: Tree = await loadLayers(file, [], new Map(), note);
  // One after the other, as layers are, for one may put a word in a section's place; but a model may be named after its options.
  const tree =
    set.length === 0 ? layers : set.reduce(merge, withoutOtherFamily(layers, set.reduce(merge), note));
  const named = merge(nameTree(file), tree);
  const { recipe, provenance } = parseRecipe(named, labelOf(file));
  warnings.push(...rateWarning(tree, recipe));
  return {
    recipe,
    provenance,
    overridden: overrides.map((override) => override.split('=', 1)[0]?.trim() ?? ''),
    file: labelOf(file),
    warnings,
    yaml: resolvedYaml(recipe, provenance),
  };
}

/** The project's recipes, without the parts in `base/`, by name. */
export async function listRecipes(): Promise<{ name: string; description: string }[]> {
  const names = (await recipeNames(RECIPES)).sort();
  return Promise.all(
    names.map(async (name) => ({ name, description: (await loadRecipe(name)).recipe.description })),
  );
}

async function recipeNames(folder: string): Promise<string[]> {
  const files = await readdir(folder);
  return files.filter((file) => file.endsWith('.yaml')).map((file) => basename(file, '.yaml'));
}

async function findRecipe(nameOrFile: string): Promise<string> {
  if (isFile(nameOrFile)) return resolve(nameOrFile);
  const file = join(RECIPES, `${nameOrFile}.yaml`);
  if (existsNow(file)) return file;
  const near = nearest(nameOrFile, await recipeNames(RECIPES));
  throw new FrameworkError('recipe/unknown', `there is no recipe named ${nameOrFile}`, {
    hint:
      near === undefined
        ? '`largekernel recipes` lists them; a file is given as ./file.yaml'
        : `did you mean ${near}?`,
  });
}

function isFile(name: string): boolean {
  return /\.ya?ml$/.test(name) || isAbsolute(name) || name.startsWith('./') || name.startsWith('../');
}

/** Recipes above one another; ours have five. */
const MOST_LAYERS = 64;

/**
 * A file merged over its parents. `name` and `description` are not inherited.
 * @param known files that were merged before: one that many extend is read once
 */
async function loadLayers(
  file: string,
  children: readonly string[],
  known: Map<string, MapTree>,
  note: (line: string) => void,
): Promise<MapTree> {
  const label = labelOf(file);
  if (children.includes(file))
    throw new FrameworkError(
      'recipe/cycle',
      `recipes extend each other in a circle: ${[...children, file].map(labelOf).join(' → ')}`,
    );
  if (children.length >= MOST_LAYERS)
    throw new FrameworkError('recipe/too-deep', `${label} is extended through ${children.length} recipes`, {
      hint: `at most ${MOST_LAYERS} stand above one another; merge some of them`,
    });
  const before = known.get(file);
  if (before !== undefined) return before;
  const text = await readText(file);
  if (isSealed(text)) unsealedBytes(Buffer.from(text), file, RUN_RECIPE);
  const tree = parseTree(text, label);
  const own: Tree =
    tree.kind === 'scalar' && tree.value === null ? { kind: 'map', entries: new Map(), source: label } : tree;
  if (own.kind !== 'map')
    throw new FrameworkError('recipe/bad-value', `${label} holds ${showTree(tree)}, a recipe holds keys`);
  let below: Tree = { kind: 'map', entries: new Map(), source: label };
  for (const parent of parentsOf(own)) {
    const path = await findParent(parent.name, parent.source, file);
    const layers = await loadLayers(path, [...children, file], known, note);
    below = mergeLayers(below, without(layers, ['name', 'description']), note);
  }
  const schema = schemaOf();
  const layer = expand(without(own, ['extends']), schema, schema);
  const merged = mergeLayers(below, layer, note) as MapTree;
  known.set(file, merged);
  return merged;
}

function parentsOf(tree: MapTree): { name: string; source: string }[] {
  const parents = tree.entries.get('extends');
  if (parents === undefined) return [];
  const items = parents.kind === 'list' ? parents.items : [parents];
  return items.map((item) => {
    if (item.kind !== 'scalar' || typeof item.value !== 'string')
      throw new FrameworkError(
        'recipe/bad-value',
        `${item.source}: extends is ${showTree(item)}, it should name recipes`,
      );
    return { name: item.value, source: item.source };
  });
}

/** A parent is a file beside the child, or a recipe of the project, or a part in `recipes/base/`. */
async function findParent(name: string, source: string, child: string): Promise<string> {
  const file = isFile(name) ? name : `${name}.yaml`;
  const folders = isFile(name) ? [dirname(child)] : [dirname(child), RECIPES, BASE];
  const found = folders
    .map((folder) => resolve(folder, file))
    .find((path) => path !== child && existsNow(path));
  if (found !== undefined) return found;
  // A recipe that extends itself by name is a cycle, not a missing file.
  if (existsNow(resolve(dirname(child), file))) return child;
  const near = nearest(name, [...(await recipeNames(RECIPES)), ...(await recipeNames(BASE))]);
  throw new FrameworkError(
    'recipe/unknown',
    `${source}: extends names ${name}, which is in none of ${folders.map(labelOf).join(', ')}`,
    {
      ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
    },
  );
}

/** Paths of the keys that overrides set, each as deep as it is given. @example overriddenPaths(['batch=64']) // ['batch.size'] */
export function overriddenPaths(overrides: readonly string[]): string[] {
  const schema = schemaOf();
  return overrides.flatMap((text) => leavesOf(expand(parseOverride(text), schema, schema), ''));
}

function leavesOf(tree: Tree, path: string): string[] {
  if (tree.kind !== 'map') return [path];
  return [...tree.entries].flatMap(([key, child]) => leavesOf(child, path === '' ? key : `${path}.${key}`));
}

/** `a.b=value` as a tree. */
function parseOverride(text: string): Tree {
  const at = text.indexOf('=');
  const path = text.slice(0, Math.max(at, 0)).trim();
  if (path === '' || path.split('.').includes(''))
    throw new FrameworkError('recipe/bad-value', `--set ${text} is not of the form key=value`, {
      hint: 'for example --set optimizer.lr=1e-3',
    });
  const source = 'command line';
  const leaf = withSource(parseTree(text.slice(at + 1), `--set ${path}`), source);
  return path
    .split('.')
    .reduceRight<Tree>((tree, key) => ({ kind: 'map', entries: new Map([[key, tree]]), source }), leaf);
}

function withSource(tree: Tree, source: string): Tree {
  if (tree.kind === 'scalar') return { ...tree, source };
  if (tree.kind === 'list')
    return { ...tree, items: tree.items.map((item) => withSource(item, source)), source };
  const entries = [...tree.entries].map(([key, value]): [string, Tree] => [key, withSource(value, source)]);
  return { kind: 'map', entries: new Map(entries), source };
}

function nameTree(file: string): Tree {
  const name: Tree = { kind: 'scalar', value: basename(file).replace(/\.ya?ml$/, ''), source: labelOf(file) };
  return { kind: 'map', entries: new Map([['name', name]]), source: labelOf(file) };
}

/** Files of the project by their path in it, others by their path from here where that is shorter. */
function labelOf(file: string): string {
  const inside = relative(ROOT, file);
  if (!inside.startsWith('..') && !isAbsolute(inside)) return inside;
  const here = relative(process.cwd(), file);
  return here.startsWith('..') ? file : here;
}
