/**
 * The archives of ILSVRC2012 as they are distributed, without unpacking them: `ILSVRC2012_img_train.tar` holds one tar per
 * class, `ILSVRC2012_img_val.tar` is flat. Keys and order are those of the unpacked folders.
 */
import { join } from 'node:path';
import { imagenetClassIndex, imagenetClasses, imagenetValLabel } from '../classes.ts';
import type { Dataset, DatasetSpec, Note } from '../dataset.ts';
import { isImageName, sortedOrder, tableDataset } from '../dataset.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { ArchiveFiles, fileStamp } from './archive-files.ts';
import { cachedIndex } from './index-cache.ts';
import { indexTar } from './tar.ts';

interface Index {
  readonly keys: string[];
  readonly offsets: number[];
  readonly sizes: number[];
  readonly notes: Note[];
}

/**
 * `root` is the folder with the archive, or the archive itself.
 * @throws FrameworkError `data/not-found`, `data/truncated`, `data/corrupt`, `data/unknown-class`
 */
export async function openImagenetTar(spec: DatasetSpec): Promise<Dataset> {
  const train = spec.split === 'train';
  if (!train && spec.split !== 'val')
    throw new FrameworkError('data/unknown-split', `the ImageNet archives have no split "${spec.split}"`, {
      hint: 'the splits are train and val',
    });
  const path = spec.root.endsWith('.tar')
    ? spec.root
    : join(spec.root, train ? 'ILSVRC2012_img_train.tar' : 'ILSVRC2012_img_val.tar');
  const files = new ArchiveFiles();
  const notes: Note[] = [];
  try {
    const index = await cachedIndex(`imagenet-${spec.split}`, [path], spec.cache, notes, () =>
      train ? indexTrain(files, path) : indexVal(files, path),
    );
    return tableDataset({
      name: path,
      classes: imagenetClasses(),
      notes: [...index.notes, ...notes],
      keys: index.keys,
      labels: index.keys.map((key) => imagenetClassIndex(key.slice(0, key.indexOf('/'))) ?? -1),
      load: (i) => files.read(path, index.offsets[i] as number, index.sizes[i] as number),
      close: () => files.close(),
    });
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function indexTrain(files: ArchiveFiles, path: string): Promise<Index> {
  const read = (offset: number, length: number): Promise<Uint8Array> => files.read(path, offset, length);
  const outer = await indexTar(read, path, 0, (await fileStamp(path)).size);
  const found: Found[] = [];
  const notes: Note[] = outer.skipped.map((name) => ({ kind: 'stray', path: name }));
  for (const member of outer.entries) {
    const wnid = /^(n\d{8})\.tar$/.exec(member.name)?.[1];
    if (wnid === undefined) {
      notes.push({ kind: 'stray', path: member.name });
      continue;
    }
    if (imagenetClassIndex(wnid) === undefined)
      throw new FrameworkError('data/unknown-class', `${path}: ${member.name} is none of the 1000 classes`);
    const label = `${path}/${member.name}`;
    const inner = await indexTar(read, label, member.offset, member.offset + member.size);
    if (inner.entries.length === 0) notes.push({ kind: 'empty class', path: wnid });
    for (const entry of inner.entries) {
      if (isImageName(entry.name))
        found.push({ key: `${wnid}/${baseName(entry.name)}`, offset: entry.offset, size: entry.size });
      else notes.push({ kind: 'stray', path: `${wnid}/${entry.name}` });
    }
  }
  return sorted(found, notes);
}

async function indexVal(files: ArchiveFiles, path: string): Promise<Index> {
  const read = (offset: number, length: number): Promise<Uint8Array> => files.read(path, offset, length);
  const { entries, skipped } = await indexTar(read, path, 0, (await fileStamp(path)).size);
  const found: Found[] = [];
  const notes: Note[] = skipped.map((name) => ({ kind: 'stray', path: name }));
  for (const { name, offset, size } of entries) {
    const file = baseName(name);
    const label = imagenetValLabel(file);
    if (label === undefined) notes.push({ kind: 'stray', path: name });
    else found.push({ key: `${defined(imagenetClasses()[label], file).id}/${file}`, offset, size });
  }
  return sorted(found, notes);
}

interface Found {
  readonly key: string;
  readonly offset: number;
  readonly size: number;
}

function sorted(found: readonly Found[], notes: Note[]): Index {
  const order = sortedOrder(found.map(({ key }) => key));
  const rows = Array.from(order, (i) => defined(found[i], `entry ${i}`));
  return {
    keys: rows.map(({ key }) => key),
    offsets: rows.map(({ offset }) => offset),
    sizes: rows.map(({ size }) => size),
    notes,
  };
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
