/**
 * WebDataset shards: tar files in which the members of one sample share the name up to its first dot:
 * `n01440764/x.jpg` + `n01440764/x.cls` (or `x.json` with `label` or `cls`). Shards are indexed and read at random, so the
 * order is by key over all shards and not the order of packing.
 */
import type { Dataset, DatasetSpec, Note } from '../dataset.ts';
import { isImageName, sortedOrder, tableDataset } from '../dataset.ts';
import { numberedClasses } from '../found-classes.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { ArchiveFiles, fileStamp } from './archive-files.ts';
import { cachedIndex } from './index-cache.ts';
import { findShards } from './shards.ts';
import { indexTar } from './tar.ts';

/** A label is a number or a short JSON text, in bytes. */
const MAX_LABEL = 1 << 16;

interface Row {
  readonly key: string;
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  readonly label: number;
}

interface Index {
  readonly rows: Row[];
  readonly notes: Note[];
}

/** @throws FrameworkError `data/not-found`, `data/truncated`, `data/corrupt`, `data/bad-label` */
export async function openWebdataset(spec: DatasetSpec): Promise<Dataset> {
  const shards = await findShards(spec.root, spec.split, '.tar');
  const files = new ArchiveFiles();
  const notes: Note[] = [];
  try {
    const index = await cachedIndex(`webdataset-${spec.split}`, shards, spec.cache, notes, () =>
      indexShards(files, shards),
    );
    const { rows } = index;
    const keys = rows.map(({ key }) => key);
    return tableDataset({
      name: `${spec.root} ${spec.split}`,
      ...numberedClasses(
        keys,
        rows.map(({ label }) => label),
      ),
      notes: [...index.notes, ...notes],
      keys,
      load: (i) => {
        const { shard, offset, size } = defined(rows[i], `sample ${i}`);
        return files.read(defined(shards[shard], `shard ${shard}`), offset, size);
      },
      close: () => files.close(),
    });
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function indexShards(files: ArchiveFiles, shards: readonly string[]): Promise<Index> {
  const rows: Row[] = [];
  const notes: Note[] = [];
  for (const [shard, path] of shards.entries()) await indexShard(files, path, shard, rows, notes);
  const order = sortedOrder(rows.map(({ key }) => key));
  return { rows: Array.from(order, (i) => defined(rows[i], `row ${i}`)), notes };
}

interface Sample {
  image?: { key: string; offset: number; size: number };
  label?: number;
}

async function indexShard(
  files: ArchiveFiles,
  path: string,
  shard: number,
  rows: Row[],
  notes: Note[],
): Promise<void> {
  const samples = new Map<string, Sample>();
  const { entries, skipped } = await indexTar(
    (offset, length) => files.read(path, offset, length),
    path,
    0,
    (await fileStamp(path)).size,
  );
  for (const name of skipped) notes.push({ kind: 'stray', path: name });
  for (const { name, offset, size } of entries) {
    const slash = name.lastIndexOf('/');
    const dot = name.indexOf('.', slash + 2); // a leading dot is part of the name
    const stem = dot < 0 ? name : name.slice(0, dot);
    const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
    const sample = samples.get(stem) ?? {};
    if (isImageName(name)) sample.image = { key: name, offset, size };
    else if (extension === 'cls' || extension === 'json') {
      if (size > MAX_LABEL) throw badLabel(path, name, `it has ${size} bytes`);
      const text = Buffer.from(await files.read(path, offset, size)).toString('utf8');
      const label = extension === 'cls' ? parseCls(path, name, text) : parseJson(path, name, text);
      if (label !== undefined) sample.label = label;
    } else {
      notes.push({ kind: 'stray', path: name });
      continue;
    }
    samples.set(stem, sample);
  }
  for (const [stem, { image, label }] of samples) {
    if (image === undefined) notes.push({ kind: 'stray', path: stem });
    else if (label === undefined) throw badLabel(path, stem, 'it has neither .cls nor a label in .json');
    else rows.push({ ...image, shard, label });
  }
}

function parseCls(path: string, name: string, text: string): number {
  if (!/^\s*\d{1,9}\s*$/.test(text)) throw badLabel(path, name, `it says "${text.slice(0, 40)}"`);
  return Number(text);
}

/** `label` or `cls` of the record; a record of anything else is no label. */
function parseJson(path: string, name: string, text: string): number | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    throw badLabel(path, name, 'it is not JSON');
  }
  if (typeof record !== 'object' || record === null) return undefined;
  const { label, cls } = record as { label?: unknown; cls?: unknown };
  const value = label ?? cls;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}

function badLabel(path: string, name: string, found: string): FrameworkError {
  return new FrameworkError('data/bad-label', `${path}: no class number for ${name}: ${found}`, {
    hint: 'each image needs a .cls file with a number, or a .json file with "label"',
  });
}
