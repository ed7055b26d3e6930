/** Describes a user's folder of images, and holds out a part of it if it has no validation split. */
import { link, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FrameworkError } from '../util/errors.ts';
import { existsNow, makeFolder } from '../util/files.ts';
import { isImageName, type Dataset } from './dataset.ts';
import { namedDataset, openDataset } from './datasets.ts';
import { leftOut } from './left-out.ts';
import { some } from './match-classes.ts';
import { isSplitName } from './readers/folder.ts';
import { listEntries } from './readers/walk.ts';

export interface FolderLook {
  /** Holds `train` and `val`. */
  readonly root: string;
  readonly classes: number;
  /** The first few of them. */
  readonly classNames: string;
  readonly training: number;
  readonly validation: number;
  /** Median short side of a sample, in pixels. */
  readonly side: number;
  /** All of the sample have this one size, and are square. */
  readonly isUniform: boolean;
}

const SAMPLE = 32;
/** Every so manieth image of a class is held out. */
const HELD_OUT = 10;

/**
 * Looks at `<folder>/train` and `<folder>/val`. A folder of classes without splits gets a folder beside it, `<folder>-split`, of links:
 * every tenth image of each class to `val`, the others to `train`.
 * @throws FrameworkError where it is neither
 */
export async function lookAt(folder: string, note: (line: string) => void): Promise<FolderLook> {
  const given = resolve(folder);
  const isSplit = existsNow(join(given, 'train'));
  if (isSplit && !existsNow(join(given, 'val')))
    throw new FrameworkError('data/no-split', `${folder} has a folder train and no folder val.`, {
      hint: `Call the validation images ${join(folder, 'val')}, or give ${join(folder, 'train')} to hold out a tenth of it.`,
    });
  const root = isSplit ? given : await splitByLinks(given, note);
  const training = await openDataset(namedDataset('image-folder', 'train', { root, classes: 'folders' }));
  const validation = await openDataset(namedDataset('image-folder', 'val', { root, classes: 'folders' }));
  try {
    if (isSplit) for (const { name, notes } of [training, validation]) leftOut(name, notes).forEach(note);
    const count = Math.min(SAMPLE, training.length);
    const sides: number[] = [];
    const sizes = new Set<string>();
    for (let i = 0; i < count; i++) {
      const { width, height } = await training.read(Math.floor((i * training.length) / count));
      sides.push(Math.min(width, height));
      sizes.add(`${width}×${height}`);
    }
    const side = sides.sort((a, b) => a - b)[sides.length >> 1] ?? 0;
    return {
      root,
      classes: training.classes.length,
      classNames: some(training.classes),
      training: training.length,
      validation: validation.length,
      side,
      isUniform: sizes.size === 1 && sizes.has(`${side}×${side}`),
    };
  } finally {
    await training.close();
    await validation.close();
  }
}

async function splitByLinks(given: string, note: (line: string) => void): Promise<string> {
  const root = join(dirname(given), `${basename(given)}-split`);
  if (existsNow(root)) {
    note(`${root} is there already and is used as it is`);
    return root;
  }
  const dataset = await openDataset(namedDataset('image-folder', '.', { root: given, classes: 'folders' }));
  const seen = new Map<number, number>();
  // A split that is not whole would be used as it is the next time.
  const part = `${root}.${process.pid}.tmp`;
  try {
    await checkClassFolders(given, note);
    leftOut(dataset.name, dataset.notes).forEach(note);
    checkEnough(given, dataset);
    for (let i = 0; i < dataset.length; i++) {
      const number = (seen.get(dataset.label(i)) ?? 0) + 1;
      seen.set(dataset.label(i), number);
      const key = dataset.key(i);
      const to = join(part, number % HELD_OUT === 0 ? 'val' : 'train', key);
      await makeFolder(dirname(to));
      // Windows wants rights for symbolic links.
      await symlink(join(given, key), to).catch(() => link(join(given, key), to));
    }
    await rename(part, root);
  } finally {
    await rm(part, { recursive: true, force: true });
    await dataset.close();
  }
  const few = [...seen].filter(([, count]) => count < HELD_OUT).length;
  if (few > 0)
    note(
      `${few} ${few === 1 ? 'class has' : 'classes have'} fewer than ${HELD_OUT} images, of which none is held out`,
    );
  note(`held out every ${HELD_OUT}th image of each class: ${root} holds links, train and val`);
  return root;
}

/**
 * A folder of data sets is no folder of classes: a folder above the images was given.
 * @throws FrameworkError `data/several-sets` where one of its folders holds splits
 */
async function checkClassFolders(given: string, note: (line: string) => void): Promise<void> {
  const inner = new Map<string, readonly string[]>();
  let hasImages = false;
  for (const name of (await listEntries(given, '', [])).folders) {
    const { folders, files } = await listEntries(given, name, []);
    if (folders.length > 1) inner.set(name, folders);
    hasImages ||= files.some(isImageName);
  }
  const sets = [...inner].filter(([, folders]) => folders.some(isSplitName));
  const list = (names: readonly string[]) => `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
  const shown = ([name, folders]: readonly [string, readonly string[]]) => `${name} (${list(folders)})`;
  if (sets.length > 0)
    throw new FrameworkError(
      'data/several-sets',
      `${given} is no folder of classes: it holds data sets of its own, ${sets.map(shown).join(', ')}.`,
      { hint: `Give one of them: largekernel init ${join(given, sets[0]?.[0] ?? '')}` },
    );
  const [first] = inner;
  if (!hasImages && first !== undefined)
    note(
      `no folder in ${given} holds images itself, all have folders of their own: ${[...inner].slice(0, 3).map(shown).join(', ')}; ` +
        `if those are the classes, give ${join(given, first[0])}`,
    );
}

/** Before anything is made. */
function checkEnough(given: string, dataset: Dataset): void {
  const counts = new Map<number, number>();
  for (let i = 0; i < dataset.length; i++)
    counts.set(dataset.label(i), (counts.get(dataset.label(i)) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  if (most >= HELD_OUT) return;
  throw new FrameworkError(
    'data/too-few',
    `No class of ${given} has ${HELD_OUT} images, so none can be held out; the largest has ${most}.`,
    {
      hint: `Make the folders train and val in it by hand, with one folder per class in each.`,
    },
  );
}
