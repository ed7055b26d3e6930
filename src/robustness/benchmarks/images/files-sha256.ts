import { createHash, type Hash } from 'node:crypto';
import type { Image } from '../../../data/image/image.ts';
import type { Part } from './parts.ts';

/** Images of a part that are looked at, by place. */
export interface Listed {
  readonly part: Pick<Part, 'name' | 'keys' | 'label' | 'answers' | 'bytes'>;
  readonly items: readonly number[];
}

/** Images whose bytes are read, of all parts together: all of a set of thousands. Of each part at least a few. */
const READ = 2048;
const LEAST = 16;
/** Images that are read at once. */
const AT_ONCE = 16;

/**
 * SHA-256 that tells lists of images apart: by part, name and right answers of every image, and by the bytes of some, evenly spaced. Parts
 * that are made from the same stored images share their bytes, which are read once. An image that cannot be read counts as one.
 */
export async function filesSha256(lists: readonly Listed[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { part, items } of lists)
    for (const item of items) {
      const answers = part.answers?.(item) ?? [part.label(item)];
      hash.update(`${part.name}/${part.keys[item] ?? ''} ${answers.join(' ')}\n`);
    }
  const stored = new Map(
    lists.flatMap(({ part, items }) => (part.bytes ? [[part.bytes, items] as const] : [])),
  );
  for (const [bytes, items] of stored)
    await addBytes(hash, bytes, evenly(items, Math.max(LEAST, Math.floor(READ / stored.size))));
  return hash.digest('hex');
}

async function addBytes(
  hash: Hash,
  bytes: NonNullable<Part['bytes']>,
  items: readonly number[],
): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const some = items.slice(at, at + AT_ONCE).map((item) => bytes(item).catch(() => undefined));
    for (const read of await Promise.all(some)) addImage(hash, read);
  }
}

function addImage(hash: Hash, read: Uint8Array | Image | undefined): void {
  if (read === undefined) hash.update('unreadable\n');
  else if (read instanceof Uint8Array) hash.update(`${read.length} bytes\n`).update(read);
  else hash.update(`${read.width} by ${read.height}\n`).update(read.data);
}

/** At most `count` of a list, evenly spaced. */
export function evenly<T>(list: readonly T[], count: number): T[] {
  const n = Math.min(count, list.length);
  return Array.from({ length: n }, (_, i) => list[Math.floor((i * list.length) / n)] as T);
}
