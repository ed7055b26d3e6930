/** A sweep: one recipe trained at several points and seeds. The file is as strict as a recipe's: every key is known, every value checked. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { RECIPES } from '../recipe/load.ts';
import { schemaOf } from '../recipe/model.ts';
import { fieldsOf, type Group } from '../schema/fields.ts';
import { parseTree, showTree, type ListTree, type MapTree, type Tree } from '../recipe/tree.ts';
import { findBenchmark } from '../robustness/benchmarks/records.ts';
import { FrameworkError, messageOf, nearest } from '../util/errors.ts';
import { existsNow, readText } from '../util/files.ts';

export const SWEEPS = join(RECIPES, 'sweeps');

/** One `key=value`, the value in YAML on one line, and where it stands. */
export interface Setting {
  readonly key: string;
  readonly text: string;
  readonly source: string;
}

export interface Point {
  /** Names the point in tables, and its runs' folders. */
  readonly label: string;
  readonly set: readonly Setting[];
  /** The published value of top-1 in %, or the name of the published model. */
  readonly paper: number | string | null;
  readonly source: string;
}

export interface Sweep {
  readonly name: string;
  readonly description: string;
  /** Recipe that every run starts from: a name, or an absolute path. */
  readonly recipe: string;
  /** What the labels are values of, for headings: `kernel`. */
  readonly axis: string;
  /** Settings of all runs. */
  readonly set: readonly Setting[];
  readonly points: readonly Point[];
  readonly seeds: readonly number[];
  /** Benchmarks measured after each run; `val` is what the run itself measures. */
  readonly evaluations: readonly string[];
  /** Where published values come from, as the reports name it: `Chen et al., ICML 2024, Table 7`. */
  readonly paper: string | null;
  /** Absolute path. */
  readonly file: string;
}

const SWEEP_KEYS = [
  'name', 'description', 'recipe', 'axis', 'set', 'points', 'seeds', 'evaluations', 'paper',
] as const; // prettier-ignore
const POINT_KEYS = ['label', 'set', 'paper'] as const;
/** Labels become names of folders and of jobs. */
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

/** The project's sweeps by name. */
export async function listSweeps(): Promise<string[]> {
  return (await readdir(SWEEPS))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/**
 * A sweep of the project by name (`table7`) or a YAML file.
 * @throws FrameworkError `recipe/…` with file and line
 */
export async function loadSweep(nameOrFile: string): Promise<Sweep> {
  const isFile = /\.ya?ml$/.test(nameOrFile);
  const file = isFile ? resolve(nameOrFile) : join(SWEEPS, `${nameOrFile}.yaml`);
  if (!isFile && !existsNow(file)) {
    const names = await listSweeps();
    const near = nearest(nameOrFile, names);
    throw new FrameworkError('recipe/unknown', `There is no sweep named ${nameOrFile}.`, {
      hint:
        near === undefined
          ? `Sweeps: ${names.join(', ')}; a file is given as ./file.yaml.`
          : `Did you mean ${near}?`,
    });
  }
  return parseSweep(await readText(file), file);
}

/** @param file absolute path; it names the sweep unless `name` does */
export function parseSweep(text: string, file: string): Sweep {
  const here = relative(process.cwd(), file);
  const label = here.startsWith('..') ? file : here;
  const tree = mapOf(parseTree(text, label), 'a sweep');
  checkKeys(tree, SWEEP_KEYS, 'a sweep');
  const get = (key: (typeof SWEEP_KEYS)[number]): Tree => {
    const found = tree.entries.get(key);
    if (found !== undefined) return found;
    throw new FrameworkError('recipe/missing-key', `${label} does not set ${key}.`, {
      hint: `A sweep sets ${['recipe', 'axis', 'points'].join(', ')}; docs/ablation.md shows one.`,
    });
  };
  const optional = <T>(key: (typeof SWEEP_KEYS)[number], parse: (value: Tree) => T, fallback: T): T => {
    const found = tree.entries.get(key);
    return found === undefined ? fallback : parse(found);
  };
  const set = optional('set', settingsOf, []);
  const points = listIn(get('points'), 'points').items.map(pointOf);
  const sweep: Sweep = {
    name: optional('name', (value) => labelOf(value, 'name'), basename(file).replace(/\.ya?ml$/, '')),
    description: optional('description', (value) => textOf(value, 'description'), ''),
    recipe: recipeOf(textOf(get('recipe'), 'recipe'), file),
    axis: textOf(get('axis'), 'axis'),
    set,
    points,
    seeds: optional('seeds', seedsOf, [0]),
    evaluations: optional('evaluations', evaluationsOf, ['val']),
    paper: optional('paper', (value) => textOf(value, 'paper'), null),
    file,
  };
  checkAgreement(sweep, label);
  return sweep;
}

/** A recipe's file stands beside the sweep's. */
function recipeOf(name: string, file: string): string {
  return /\.ya?ml$/.test(name) ? resolve(dirname(file), name) : name;
}

function checkAgreement(sweep: Sweep, label: string): void {
  const { points, seeds, set, paper } = sweep;
  if (points.length === 0)
    throw bad(`${label}: points is empty`, 'Give at least one point: `- { label: …, set: { … } }`.');
  for (const [i, point] of points.entries()) {
    if (points.findIndex((other) => other.label === point.label) !== i)
      throw bad(`${point.source}: the label ${point.label} is given twice`, 'Give each point its own.');
    if (typeof point.paper === 'string' && paper === null)
      throw bad(
        `${point.source}: paper names the model ${point.paper}, but the sweep does not say of which source`,
        'Add paper: to the sweep, for example `Chen et al., ICML 2024, Table 7`.',
      );
    for (const { key, source } of point.set)
      if (set.some((common) => common.key === key))
        throw bad(`${source}: ${key} is also set for all points`, 'Set it in one of the two places.');
  }
  if (new Set(seeds).size !== seeds.length)
    throw bad(`${label}: seeds ${seeds.join(', ')} repeat themselves`, 'Give each seed once.');
}

function pointOf(tree: Tree): Point {
  const map = mapOf(tree, 'a point');
  checkKeys(map, POINT_KEYS, 'a point');
  const label = map.entries.get('label');
  if (label === undefined)
    throw new FrameworkError('recipe/missing-key', `${map.source}: the point has no label.`, {
      hint: 'For example `- { label: 31, set: { model.kernels: 31 } }`.',
    });
  const set = map.entries.get('set');
  const paper = map.entries.get('paper');
  return {
    label: labelOf(label, 'label'),
    set: set === undefined ? [] : settingsOf(set),
    paper: paper === undefined ? null : paperOf(paper),
    source: map.source,
  };
}

function paperOf(tree: Tree): number | string | null {
  if (tree.kind === 'scalar') {
    const { value } = tree;
    if (value === null || typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value)))
      return value;
  }
  throw bad(
    `${tree.source}: paper is ${showTree(tree)}`,
    'A point gives the published top-1 in %, the name of the published model, or null.',
  );
}

/** Settings are written as `--set` takes them: dotted keys of a recipe. */
function settingsOf(tree: Tree): Setting[] {
  return [...mapOf(tree, 'set').entries].map(([key, value]) => {
    checkSettable(key, value.source);
    return { key, text: JSON.stringify(plain(value)), source: value.source };
  });
}

/** @throws FrameworkError unless `key` is a key of a recipe that a sweep may set */
export function checkSettable(key: string, source: string): void {
  if (key === 'seed') throw bad(`${source}: seed is set`, 'Give the seeds as `seeds: [0, 1, 2]`.');
  if (key === 'name' || key === 'description')
    throw bad(`${source}: ${key} is set`, 'Runs are named by the sweep and the label of their point.');
  const known = settableKeys();
  if (known.includes(key)) return;
  const [last] = key.split('.').slice(-1);
  const near = known.find((other) => other.split('.').at(-1) === last) ?? nearest(key, known);
  throw new FrameworkError('recipe/unknown-key', `${source}: ${key} is not a key of a recipe.`, {
    hint: near === undefined ? 'docs/recipes.md lists them.' : `Did you mean ${near}?`,
  });
}

/** Dotted paths of fields, and of groups that a single value may set (`batch`). */
function settableKeys(): string[] {
  const groups = (schema: Group, prefix: string): string[] =>
    Object.entries(schema.fields).flatMap(([key, child]) =>
      child.node === 'field' ? [] : [`${prefix}${key}`, ...groups(child, `${prefix}${key}.`)],
    );
  const schema = schemaOf();
  return [...[...fieldsOf(schema)].map(([path]) => path), ...groups(schema, '')];
}

function seedsOf(tree: Tree): number[] {
  const { items } = listIn(tree, 'seeds');
  const seeds = items.map((item) => (item.kind === 'scalar' ? item.value : undefined));
  if (
    seeds.length > 0 &&
    seeds.every((n): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)
  )
    return seeds;
  throw bad(`${tree.source}: seeds is ${showTree(tree)}`, 'Give whole numbers: `seeds: [0, 1, 2]`.');
}

function evaluationsOf(tree: Tree): string[] {
  return listIn(tree, 'evaluations').items.map((item) => {
    const id = textOf(item, 'evaluations');
    try {
      return findBenchmark(id).id;
    } catch (error) {
      const hint = error instanceof FrameworkError ? error.hint : undefined;
      throw new FrameworkError(
        'recipe/bad-value',
        `${item.source}: evaluations: ${messageOf(error)}`,
        hint === undefined ? {} : { hint },
      );
    }
  });
}

function labelOf(tree: Tree, key: string): string {
  const value = tree.kind === 'scalar' ? tree.value : undefined;
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  if (LABEL.test(text)) return text;
  throw bad(
    `${tree.source}: ${key} is ${showTree(tree)}`,
    'It names folders: letters, digits and . _ + - only.',
  );
}

function textOf(tree: Tree, key: string): string {
  if (tree.kind === 'scalar' && (typeof tree.value === 'string' || typeof tree.value === 'number'))
    return String(tree.value);
  throw bad(`${tree.source}: ${key} is ${showTree(tree)}`, 'It should be text.');
}

function listIn(tree: Tree, key: string): ListTree {
  if (tree.kind === 'list') return tree;
  throw bad(`${tree.source}: ${key} is ${showTree(tree)}`, 'It should be a list.');
}

function mapOf(tree: Tree, what: string): MapTree {
  if (tree.kind === 'map') return tree;
  throw bad(`${tree.source}: ${what} is ${showTree(tree)}`, 'It should hold keys.');
}

function checkKeys(tree: MapTree, known: readonly string[], what: string): void {
  for (const [key, { source }] of tree.entries) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    throw new FrameworkError('recipe/unknown-key', `${source}: ${key} is not a key of ${what}.`, {
      hint: near === undefined ? `Its keys are ${known.join(', ')}.` : `Did you mean ${near}?`,
    });
  }
}

function plain(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'list') return tree.items.map(plain);
  return Object.fromEntries([...tree.entries].map(([key, value]) => [key, plain(value)]));
}

function bad(message: string, hint: string): FrameworkError {
  return new FrameworkError('recipe/bad-value', `${message}.`, { hint });
}
