/** The files of a split that is spread over many: `<split>-000123.tar`, `<split>-00001-of-00294.parquet`, `<split>/….tar`. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Note } from '../dataset.ts';
import { FrameworkError } from '../../util/errors.ts';
import { isFolder } from '../../util/files.ts';
import { unreadable } from './archive-files.ts';

/** Other packagers' names for the same split. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  val: ['val', 'validation'],
  validation: ['validation', 'val'],
};

/** More than data sets have; a name may claim any number. */
const MAX_SHARDS = 100_000;

/**
 * Sorted paths of the shards: `root` itself if it is such a file; else the files of `root`, `root/data` or `root/<split>`
 * whose name starts with the split (in its own folder: all).
 * @param extension with dot
 * @throws FrameworkError `data/not-found`
 */
export async function findShards(root: string, split: string, extension: string): Promise<string[]> {
  // A file of another name is looked at, and refused by what it holds.
  if (await isFile(root)) return [root];
  for (const name of ALIASES[split] ?? [split]) {
    const named = new RegExp(`(^|[^A-Za-z0-9])${name.replace(/[^\w]/g, '\\$&')}([^A-Za-z0-9]|\\d|$)`);
    for (const folder of [root, join(root, 'data'), join(root, name), join(root, 'data', name)]) {
      const inSplit = folder.endsWith(`/${name}`) && folder !== root;
      const files = (await names(folder)).filter(
        (file) => file.endsWith(extension) && !file.startsWith('.') && (inSplit || named.test(file)),
      );
      if (files.length > 0) return files.sort().map((file) => join(folder, file));
    }
  }
  const packed = (await names(root)).find((file) => /\.(tar|parquet)\.(gz|bz2|xz|zst)$|\.tgz$/.test(file));
  if (packed !== undefined)
    throw new FrameworkError('data/packed', `${join(root, packed)} is packed as a whole; its members cannot be reached one by one`, {
      hint: `unpack it to a plain ${extension} first, for example with gzip -d`,
    });
  throw new FrameworkError('data/not-found', `no ${extension} file of the split "${split}" in ${root}`, {
    hint: `expected names such as ${split}-00000${extension}, in that folder, in data/ or in ${split}/`,
  });
}

/** Shards that the names of the others promise: of `train-00000-of-00003.tar` alone the two others. */
export function missingShards(shards: readonly string[]): Note[] {
  const names = new Set(shards.map((path) => basename(path)));
  const missing = new Set<string>();
  for (const name of names) {
    const [, before = '', digits = '', of = '', after = ''] = /^(.*?)(\d+)(-of-\d+)(.*)$/.exec(name) ?? [];
    const count = Math.min(Number(of.slice('-of-'.length)), MAX_SHARDS);
    for (let i = 0; i < count; i++) {
      const other = `${before}${String(i).padStart(digits.length, '0')}${of}${after}`;
      if (!names.has(other)) missing.add(other);
    }
  }
  return [...missing].sort().map((path) => ({ kind: 'missing shard', path }));
}

/** Lists one of several places, which need not exist. */
async function names(folder: string): Promise<string[]> {
  return (await isFolder(folder)) ? readdir(folder) : [];
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    throw unreadable(path, error);
  }
}
