/**
 * Image folders in the layout of ImageNet: `<root>/<split>/<class>/<file>`, and the flat validation folder
 * `<root>/<split>/ILSVRC2012_val_00000001.JPEG`, which gets its classes from the list that comes with the project.
 * Both give the same keys in the same order.
 */
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import { imagenetClasses, imagenetValLabel } from '../classes.ts';
import { namedClasses } from '../found-classes.ts';
import type { Dataset, DatasetSpec, Note } from '../dataset.ts';
import { isImageName, sortedOrder, tableDataset } from '../dataset.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { unreadable } from './archive-files.ts';

/** @throws FrameworkError `data/not-found`, `data/empty`, `data/no-classes` */
export async function openFolder(spec: DatasetSpec): Promise<Dataset> {
  const base = join(spec.root, spec.split);
  const notes: Note[] = [];
  const { folders, files } = await list(base, '', notes);
  const images = files.filter(isImageName);
  const flat = folders.length === 0 && images.length > 0;
  if (flat) return flatValidation(base, images, files, notes);
  for (const file of files) notes.push({ kind: 'stray', path: file });

  const samples = await listClasses(base, folders, notes);
  if (samples.length === 0) throw await noImages(base);
  await noteDuplicates(base, folders, notes);
  // Already in order: folders and files are sorted.
  return tableDataset({
    name: base,
    ...namedClasses(samples.map(({ folder }) => folder)),
    notes,
    keys: samples.map(({ folder, file }) => `${folder}/${file}`),
    load: (_index, key) => load(join(base, key)),
    close: async () => undefined,
  });
}

function flatValidation(base: string, images: string[], files: string[], notes: Note[]): Dataset {
  const labels = images.map((file) => imagenetValLabel(file));
  const unknown = images.filter((_, i) => labels[i] === undefined);
  if (unknown.length > 0)
    throw new FrameworkError(
      'data/no-classes',
      `${base} has ${images.length} images and no class folders, and ${unknown.length} of them are not ImageNet validation files: ${unknown.slice(0, 3).join(', ')}`,
      { hint: 'put the images into one folder per class, or check the split' },
    );
  for (const file of files) if (!isImageName(file)) notes.push({ kind: 'stray', path: file });
  const classes = imagenetClasses();
  const keys = images.map((file, i) => `${defined(classes[labels[i] ?? -1], file).id}/${file}`);
  const order = sortedOrder(keys);
  return tableDataset({
    name: base,
    classes,
    notes,
    keys: Array.from(order, (i) => keys[i] as string),
    labels: Array.from(order, (i) => labels[i] as number),
    load: (index) => load(join(base, images[order[index] as number] as string)),
    close: async () => undefined,
  });
}

async function listClasses(
  base: string,
  folders: readonly string[],
  notes: Note[],
): Promise<{ folder: string; file: string }[]> {
  const samples: { folder: string; file: string }[] = [];
  for (const folder of folders) {
    const inside = await list(base, folder, notes);
    for (const deeper of inside.folders) notes.push({ kind: 'stray', path: `${folder}/${deeper}` });
    let count = 0;
    for (const file of inside.files) {
      if (isImageName(file)) {
        samples.push({ folder, file });
        count++;
      } else notes.push({ kind: 'stray', path: `${folder}/${file}` });
    }
    if (count === 0) notes.push({ kind: 'empty class', path: folder });
  }
  return samples;
}

/** Sorted names of the folders and files in `base/inner`; links count as what they point to. */
async function list(
  base: string,
  inner: string,
  notes: Note[],
): Promise<{ folders: string[]; files: string[] }> {
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
      } catch {
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

/** Class folders that are one: links to the same place, or names that differ only in case. */
async function noteDuplicates(base: string, folders: readonly string[], notes: Note[]): Promise<void> {
  const seen = new Map<string, string>();
  for (const folder of folders) {
    for (const identity of [await realpath(join(base, folder)), `name ${folder.toLowerCase()}`]) {
      const other = seen.get(identity);
      if (other !== undefined && other !== folder) {
        notes.push({ kind: 'duplicate class', path: `${folder} = ${other}` });
        break;
      }
      seen.set(identity, folder);
    }
  }
}

async function noImages(base: string): Promise<FrameworkError> {
  const splits = (await readdir(base, { withFileTypes: true })).filter((e) => e.isDirectory());
  const names = splits.map(({ name }) => name).slice(0, 5);
  return new FrameworkError(
    'data/empty',
    `${base}: no class folder in it holds a .JPEG, .jpg, .jpeg or .png file`,
    {
      hint:
        names.length > 0
          ? `it holds the folders ${names.join(', ')}: is one of them the split?`
          : 'check the data folder and the name of the split',
    },
  );
}

async function load(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}
