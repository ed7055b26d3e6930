/** Indexes of archives on disk, so that a 138 GB tar is walked once and not by each worker of each run. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Note } from '../dataset.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { fileStamp } from './archive-files.ts';

/** Raise it when the content of any index changes. */
const VERSION = 1;

interface CacheFile<T> {
  readonly version: number;
  readonly sources: readonly { path: string; size: number; mtimeMs: number }[];
  readonly index: T;
}

/**
 * The index of `paths`, from the cache if their sizes and times of change are the same as then, else built and stored.
 * A cache that cannot be written or read costs time, never a result: it is only noted.
 * @param kind name of the index, e.g. `imagenet-tar-train`; indexes of different kinds do not meet
 */
export async function cachedIndex<T>(
  kind: string,
  paths: readonly string[],
  folder: string | undefined,
  notes: Note[],
  build: () => Promise<T>,
): Promise<T> {
  const sources = await Promise.all(
    paths.map(async (path) => ({ path: resolve(path), ...(await fileStamp(path)) })),
  );
  const name = createHash('sha256')
    .update(JSON.stringify([kind, sources.map(({ path }) => path)]))
    .digest('hex')
    .slice(0, 24);
  const file = join(folder ?? defaultFolder(), `${kind}-${name}.json`);
  const stored = await load<T>(file);
  if (stored?.version === VERSION && JSON.stringify(stored.sources) === JSON.stringify(sources))
    return stored.index;
  const index = await build();
  await store(file, { version: VERSION, sources, index }, notes);
  return index;
}

function defaultFolder(): string {
  const home = homedir();
  return join(home === '' ? tmpdir() : home, '.cache', 'largekernel', 'index');
}

async function load<T>(file: string): Promise<CacheFile<T> | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as CacheFile<T>;
  } catch {
    return undefined; // not there yet, or cut off: it is rebuilt
  }
}

async function store<T>(file: string, content: CacheFile<T>, notes: Note[]): Promise<void> {
  try {
    await writeFileAtomic(file, JSON.stringify(content));
  } catch {
    notes.push({ kind: 'no cache', path: file });
  }
}
