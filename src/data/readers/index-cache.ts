/** Indexes of archives on disk, so that a 138 GB tar is walked once and not by each worker of each run. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { IMAGE_EXTENSIONS } from '../dataset.ts';
import type { Note } from '../dataset.ts';
import { cacheFolder } from '../../util/cache-folder.ts';
import { messageOf } from '../../util/errors.ts';
import { ifThere, readSealedBytes, sealedKind, writeSealedBytes } from '../../util/sealed.ts';
import { fileStamp } from './archive-files.ts';

/** Raise the version when the content of any index changes. */
const INDEX = sealedKind<Uint8Array>('archive index', 4, 'It is made again.');

interface CacheFile<T> {
  readonly sources: readonly { path: string; size: number; mtimeMs: number }[];
  /** Extensions that counted as images when the index was made. */
  readonly images: string;
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
  const file = join(folder ?? join(cacheFolder(), 'index'), `${kind}-${name}.json`);
  const stored = await load<T>(file, notes);
  const images = IMAGE_EXTENSIONS.join(' ');
  if (stored?.images === images && JSON.stringify(stored.sources) === JSON.stringify(sources))
    return stored.index;
  const index = await build();
  await store(file, { sources, images, index }, notes);
  return index;
}

/** An index that cannot be read or verified is made again, with a note. */
async function load<T>(file: string, notes: Note[]): Promise<CacheFile<T> | undefined> {
  try {
    const bytes = await ifThere(readSealedBytes(file, INDEX));
    return bytes && (JSON.parse(bytes.toString('utf8')) as CacheFile<T>);
  } catch (error) {
    noteOnce(notes, error);
    return undefined;
  }
}

async function store<T>(file: string, content: CacheFile<T>, notes: Note[]): Promise<void> {
  try {
    await writeSealedBytes(file, INDEX, JSON.stringify(content));
  } catch (error) {
    noteOnce(notes, error);
  }
}

/** A folder that can be neither read nor written is one cause. */
function noteOnce(notes: Note[], error: unknown): void {
  if (notes.every(({ kind }) => kind !== 'no cache'))
    notes.push({ kind: 'no cache', path: messageOf(error) });
}
