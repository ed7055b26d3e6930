/** Layers of a recipe: known keys only, shorthands written out, later layers over earlier ones. */
import { FrameworkError, nearest } from '../util/errors.ts';
import type { Field, Group } from '../schema/fields.ts';
import { fieldsOf } from '../schema/fields.ts';
import type { MapTree, Tree } from './tree.ts';

/**
 * One layer with its shorthands (`batch: 8`) written out as maps, so that layers merge key by key.
 * @throws FrameworkError `recipe/unknown-key` with file, line, path and the nearest key
 */
export function expand(tree: Tree, schema: Group, root: Group, path = ''): Tree {
  if (tree.kind === 'scalar' && schema.shorthand !== undefined && tree.value !== null)
    return { kind: 'map', entries: new Map([[schema.shorthand, tree]]), source: tree.source };
  if (tree.kind !== 'map') return tree;
  const entries = new Map<string, Tree>();
  for (const [key, value] of tree.entries) {
    const child: Field | Group | undefined = Object.hasOwn(schema.fields, key)
      ? schema.fields[key]
      : undefined;
    if (child === undefined) throw unknownKey(`${path}${key}`, key, value.source, schema, root, path);
    entries.set(key, child.node === 'group' ? expand(value, child, root, `${path}${key}.`) : value);
  }
  return { ...tree, entries };
}

function unknownKey(
  full: string,
  key: string,
  source: string,
  schema: Group,
  root: Group,
  path: string,
): FrameworkError {
  const sibling = nearest(key, Object.keys(schema.fields));
  const elsewhere = [...fieldsOf(root)].find(([other]) => other.split('.').at(-1) === key)?.[0];
  const near = elsewhere ?? (sibling === undefined ? undefined : `${path}${sibling}`);
  const where = path === '' ? 'a recipe' : path.slice(0, -1);
  return new FrameworkError('recipe/unknown-key', `${source}: ${full} is not a key of ${where}`, {
    hint:
      near === undefined ? `known here: ${Object.keys(schema.fields).join(', ')}` : `did you mean ${near}?`,
  });
}

/** A value remembers what it replaced in so many layers. */
const MOST_LAYERS = 8;

/** `over` on top of `base`: maps key by key, everything else replaced. */
export function merge(base: Tree, over: Tree): Tree {
  if (base.kind === 'scalar' && over.kind === 'scalar')
    return { ...over, over: [...(over.over ?? []), base, ...(base.over ?? [])].slice(0, MOST_LAYERS) };
  if (base.kind !== 'map' || over.kind !== 'map') return over;
  const entries = new Map(base.entries);
  for (const [key, value] of over.entries) {
    const below = entries.get(key);
    entries.set(key, below === undefined ? value : merge(below, value));
  }
  return { kind: 'map', entries, source: over.source };
}

/** A map without some of its keys. */
export function without(tree: MapTree, keys: readonly string[]): MapTree {
  return { ...tree, entries: new Map([...tree.entries].filter(([key]) => !keys.includes(key))) };
}
