/** The files of a split that is spread over many: `<split>-000123.tar`, `<split>-00001-of-00294.parquet`, `<split>/….tar`. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FrameworkError } from '../../util/errors.ts';
import { isFolder } from '../../util/files.ts';
import { unreadable } from './archive-files.ts';

/** Other packagers' names for the same split. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  val: ['val', 'validation'],
  validation: ['validation', 'val'],
};

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
