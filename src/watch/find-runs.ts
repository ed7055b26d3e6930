import { readdir } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { readError } from '../util/files.ts';

/** Folders below a given one that are looked through. */
const DEPTH = 6;
/** Folders that are no place for runs. */
const SKIPPED = new Set(['checkpoints', 'robustness', 'looks', 'node_modules']);

/**
 * The folders of runs among paths, and in them at any depth, in the order of the paths and then by name.
 * @throws FrameworkError `file/missing` or `file/read` where a path itself cannot be listed
 */
export async function findRuns(paths: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of paths) {
    await list(path).catch((error: unknown) => {
      throw readError(path, error);
    });
    await look(path, DEPTH, found);
  }
  return [...found];
}

async function look(folder: string, depth: number, found: Set<string>): Promise<void> {
  // A folder inside may be another's, or vanish meanwhile.
  const entries = await list(folder).catch(() => []);
  const names = new Set(entries.map(({ name }) => name));
  if (names.has('metrics.jsonl') || (names.has('recipe.yaml') && names.has('environment.json'))) {
    found.add(resolve(folder));
    return;
  }
  if (depth === 0) return;
  const inside = entries.filter(
    (entry) => entry.isDirectory() && !SKIPPED.has(entry.name) && !entry.name.startsWith('.'),
  );
  for (const { name } of inside.sort((a, b) => collator.compare(a.name, b.name)))
    await look(join(folder, name), depth - 1, found);
}

const collator = new Intl.Collator('en', { numeric: true });

function list(folder: string) {
  return readdir(folder, { withFileTypes: true });
}

/** What runs are called beside each other: their paths without what all have in common. */
export function namesOf(folders: readonly string[]): string[] {
  const parts = folders.map((folder) => resolve(folder).split(sep));
  const [first = []] = parts;
  const shortest = Math.min(first.length, ...parts.map(({ length }) => length));
  let common = 0;
  while (common < shortest - 1 && parts.every((own) => own[common] === first[common])) common++;
  return parts.map((own) => own.slice(common).join('/'));
}
