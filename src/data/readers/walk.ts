/** The files of a folder at any depth, as torchvision's ImageFolder finds them: links are followed. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Note } from '../dataset.ts';
import { unreadable } from './archive-files.ts';

export interface FolderEntries {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/**
 * Sorted names of the folders and files in `base/inner`; links count as what they point to. Hidden ones and links that lead
 * nowhere become notes.
 */
export async function listEntries(base: string, inner: string, notes: Note[]): Promise<FolderEntries> {
  const path = join(base, inner);
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    throw unreadable(path, error);
  }
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of entries) {
    const shown = inner === '' ? entry.name : `${inner}/${entry.name}`;
    if (entry.name.startsWith('.')) {
      notes.push({ kind: 'hidden', path: shown });
      continue;
    }
    let type: { isDirectory(): boolean; isFile(): boolean } = entry;
    if (entry.isSymbolicLink()) {
      try {
        type = await stat(join(path, entry.name));
      } catch (error) {
        if (!isBrokenLink(error)) throw unreadable(join(path, entry.name), error);
        notes.push({ kind: 'broken link', path: shown });
        continue;
      }
    }
    if (type.isDirectory()) folders.push(entry.name);
    else if (type.isFile()) files.push(entry.name);
    else notes.push({ kind: 'stray', path: shown });
  }
  return { folders: folders.sort(), files: files.sort() };
}

/** A link to nothing, to itself, or through a file. */
function isBrokenLink(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR';
}

/** Paths of all files below `base/inner`, from `base`. A link back into a folder it lies in becomes a note. */
export async function walkFiles(base: string, inner: string, notes: Note[]): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string, above: readonly string[]): Promise<void> => {
    const place = await realpath(join(base, folder));
    if (above.includes(place)) {
      notes.push({ kind: 'link loop', path: folder });
      return;
    }
    const { folders, files } = await listEntries(base, folder, notes);
    const shown = (name: string) => (folder === '' ? name : `${folder}/${name}`);
    for (const file of files) found.push(shown(file));
    for (const deeper of folders) await visit(shown(deeper), [...above, place]);
  };
  await visit(inner, []);
  return found;
}
