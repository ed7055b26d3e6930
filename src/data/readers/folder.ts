/**
 * Image folders in the layout of ImageNet: `<root>/<split>/<class>/…/<file>`, and the flat validation folder
 * `<root>/<split>/ILSVRC2012_val_00000001.JPEG`, which gets its classes from the list that comes with the project.
 * Both give the same keys in the same order.
 */
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { imagenetClasses, imagenetValLabel } from '../classes.ts';
import { namedClasses } from '../found-classes.ts';
import type { Dataset, DatasetSpec, Note } from '../dataset.ts';
import { isImageName, sortedOrder, tableDataset } from '../dataset.ts';
import { IMAGE_KINDS } from '../image/decode.ts';
import { leftOut } from '../left-out.ts';
import { FrameworkError, defined, nearest } from '../../util/errors.ts';
import { unreadable } from './archive-files.ts';
import { listEntries, walkFiles } from './walk.ts';

/** A folder of nothing but these is one level too high. */
const SPLIT_NAMES = new Set('train training val valid validation test testing'.split(' '));

export function isSplitName(folder: string): boolean {
  return SPLIT_NAMES.has(folder.toLowerCase());
}

/** @throws FrameworkError `data/not-found`, `data/empty`, `data/no-classes` */
export async function openFolder(spec: DatasetSpec): Promise<Dataset> {
  const base = join(spec.root, spec.split);
  const notes: Note[] = [];
  await checkThere(spec);
  const { folders, files } = await listEntries(base, '', notes);
  const images = files.filter(isImageName);
  const flat = folders.length === 0 && images.length > 0;
  if (flat) return flatValidation(base, images, files, notes);
  for (const file of files) notes.push({ kind: 'stray', path: file });

  const samples = await listClasses(base, folders, notes);
  const areSplits = folders.every(isSplitName);
  if (samples.length === 0 || areSplits) throw noImages(base, folders, notes);
  await noteDuplicates(base, folders, notes);
  return tableDataset({
    name: base,
    ...namedClasses(samples.map(({ folder }) => folder)),
    notes,
    keys: samples.map(({ key }) => key),
    load: (_index, key) => load(join(base, key)),
    close: async () => undefined,
  });
}

/** Says what is there in place of a split that is not. @throws FrameworkError `data/not-found` */
async function checkThere({ root, split }: DatasetSpec): Promise<void> {
  const isFolder = async (path: string) => (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (await isFolder(join(root, split))) return;
  if (!(await isFolder(root))) {
    const beside = await readdir(dirname(resolve(root))).catch(() => []);
    const near = nearest(basename(resolve(root)), beside);
    throw new FrameworkError('data/not-found', `${root} is no folder that can be read`, {
      hint:
        near === undefined
          ? 'check the path of the data folder'
          : `did you mean ${join(dirname(root), near)}?`,
    });
  }
  const entries = (await readdir(root, { withFileTypes: true })).filter((entry) => !entry.isFile());
  const names = entries.map(({ name }) => name).slice(0, 5);
  const holds = names.length === 0 ? 'no folders' : `the folders ${names.join(', ')}`;
  const isSplit = await isFolder(join(dirname(resolve(root)), split));
  throw new FrameworkError('data/not-found', `${root} has no folder ${split}; it holds ${holds}`, {
    hint: isSplit
      ? `it seems to be a split itself: give the folder above it, ${dirname(resolve(root))}`
      : 'check the data folder and the name of the split',
  });
}

function flatValidation(base: string, images: readonly string[], files: readonly string[], notes: Note[]): Dataset {
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

interface Found {
  readonly folder: string;
  readonly key: string;
}

/** The images of each class folder, at any depth. */
async function listClasses(base: string, folders: readonly string[], notes: Note[]): Promise<Found[]> {
  const samples: Found[] = [];
  for (const folder of folders) {
    const files = await walkFiles(base, folder, notes);
    const images = files.filter(isImageName);
    for (const key of images) samples.push({ folder, key });
    for (const path of files) if (!isImageName(path)) notes.push({ kind: 'stray', path });
    if (images.length === 0) notes.push({ kind: 'empty class', path: folder });
  }
  const order = sortedOrder(samples.map(({ key }) => key));
  return Array.from(order, (i) => defined(samples[i], `sample ${i}`));
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

function noImages(base: string, folders: readonly string[], notes: readonly Note[]): FrameworkError {
  const found = leftOut(base, notes)[0];
  return new FrameworkError(
    'data/empty',
    `${base}: no class folder in it holds an image that is read (${IMAGE_KINDS})${found === undefined ? '' : `; ${found}`}`,
    {
      hint:
        folders.length > 0
          ? `it holds the folders ${folders.slice(0, 5).join(', ')}: is one of them the split?`
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
