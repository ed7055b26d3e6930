/** A resolved recipe as text, and its hash. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { sealedKind } from '../util/sealed.ts';
import type { Group } from '../schema/fields.ts';
import type { Provenance } from './parse.ts';
import { recipePaths, valueAt } from './parse.ts';
import { schemaOf } from './model.ts';
import type { Recipe } from './schema.ts';

const COMMENT_COLUMN = 44;

/** `recipe.yaml` of a run; its seal is a comment, so that it is a recipe like any other. */
export const RUN_RECIPE = sealedKind<Uint8Array>(
  'run recipe',
  1,
  'Restore it from a copy. If it was changed on purpose to train something else, delete its first line and give it to --recipe from another folder.',
);

/** Every value of a recipe, each with its source as a comment. Loading the text gives the same recipe. */
export function resolvedYaml(recipe: Recipe, provenance: Provenance): string {
  const lines: string[] = [];
  writeGroup(
    schemaOf(recipe.model.name),
    recipe as unknown as Record<string, unknown>,
    '',
    '',
    provenance,
    lines,
  );
  return `${lines.join('\n')}\n`;
}

function writeGroup(
  schema: Group,
  values: Readonly<Record<string, unknown>>,
  path: string,
  indent: string,
  provenance: Provenance,
  lines: string[],
): void {
  for (const [key, child] of Object.entries(schema.fields)) {
    const at = `${path}${key}`;
    const value = values[key];
    if (child.node === 'group' && value !== null) {
      lines.push(`${indent}${key}:`);
      writeGroup(child, value as Record<string, unknown>, `${at}.`, `${indent}  `, provenance, lines);
    } else {
      const text = `${indent}${key}: ${inline(value)}`;
      lines.push(`${text.padEnd(COMMENT_COLUMN)} # ${provenance.get(at) ?? 'default'}`);
    }
  }
}

/** A value on one line of YAML. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  return typeof value === 'string' && value.includes('\n')
    ? JSON.stringify(value)
    : stringify(value, { lineWidth: 0, blockQuote: false }).trimEnd();
}

/** What `data.classes` gives is kept with the run and compared itself. */
const KEPT_WITH_THE_RUN: ReadonlySet<string> = new Set(['data.classes']);

/**
 * SHA-256 (hex) of everything in a recipe that results depend on: not its name, description, data folder, worker count or what is kept.
 * A run is resumed only under the same hash.
 */
export function recipeHash(recipe: Recipe): string {
  const relevant = recipePaths(recipe.model.name)
    .filter(([path, field]) => field.cosmetic !== true && !KEPT_WITH_THE_RUN.has(path))
    .map(([path]) => [path, valueAt(recipe, path)]);
  return createHash('sha256').update(JSON.stringify(relevant)).digest('hex');
}
