/**
 * WebDataset shards: tar files in which the members of one sample share the name up to its first dot:
 * `n01440764/x.jpg` + `n01440764/x.cls` (or `x.json` with `label` or `cls`, or `x.txt`). What a member is says its name alone, never its
 * place; two that may be meant are an error. Shards are indexed and read at random, so the
 * order is by key over all shards and not the order of packing.
 */
import type { Dataset, DatasetSpec, Note } from '../dataset.ts';
import { isImageName, sortedOrder, tableDataset } from '../dataset.ts';
import { numberedClasses } from '../found-classes.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { ArchiveFiles, fileStamp } from './archive-files.ts';
import { cachedIndex } from './index-cache.ts';
import { findShards, missingShards } from './shards.ts';
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
  const notes = missingShards(shards);
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

interface Member {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

interface Sample {
  /** `x.jpg`, and where there is none `x.photo.jpg`. */
  readonly images: Member[];
  readonly partImages: Member[];
  readonly labels: { readonly name: string; readonly label: number }[];
  readonly texts: Member[];
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
  for (const entry of entries) {
    if (entry.name.slice(entry.name.lastIndexOf('/') + 1).startsWith('.')) {
      notes.push({ kind: 'hidden', path: entry.name }); // macOS packs `._x.jpg` beside each `x.jpg`
      continue;
    }
    const { stem, extension } = splitName(entry.name);
    const sample = samples.get(stem) ?? { images: [], partImages: [], labels: [], texts: [] };
    samples.set(stem, sample);
    if (isImageName(entry.name)) sample[extension.includes('.') ? 'partImages' : 'images'].push(entry);
    else if (extension === 'txt') sample.texts.push(entry);
    else if (/^(cls|class|label|json)$/.test(extension)) {
      const label = await readLabel(files, path, entry, extension);
      if (label !== undefined) sample.labels.push({ name: entry.name, label });
    } else notes.push({ kind: 'stray', path: entry.name });
  }
  for (const [stem, sample] of samples) {
    const { images, partImages } = sample;
    const [image, other] = images.length > 0 ? images : partImages;
    if (other !== undefined) throw twoCandidates(path, 'image', stem, image?.name, other.name);
    for (const { name } of images.length > 0 ? partImages : []) notes.push({ kind: 'stray', path: name });
    if (image === undefined)
      for (const { name } of [...sample.labels, ...sample.texts]) notes.push({ kind: 'stray', path: name });
    else {
      const { name: key, offset, size } = image;
      rows.push({ key, offset, size, shard, label: await labelOf(files, path, stem, sample) });
    }
  }
}

/** A leading dot is part of the name. */
function splitName(name: string): { stem: string; extension: string } {
  const dot = name.indexOf('.', name.lastIndexOf('/') + 2);
  if (dot < 0) return { stem: name, extension: '' };
  return { stem: name.slice(0, dot), extension: name.slice(dot + 1).toLowerCase() };
}

/** Several labels have to agree; a text counts where nothing else is there, since most texts are captions. */
async function labelOf(files: ArchiveFiles, path: string, stem: string, sample: Sample): Promise<number> {
  const [first, ...others] = sample.labels;
  const differs = others.find(({ label }) => label !== first?.label);
  if (first !== undefined && differs !== undefined)
    throw twoCandidates(
      path,
      'label',
      stem,
      `${first.name} (${first.label})`,
      `${differs.name} (${differs.label})`,
    );
  if (first !== undefined) return first.label;
  const [text, another] = sample.texts;
  if (text === undefined) throw badLabel(path, stem, 'it has neither .cls, a whole number as label in .json, nor .txt');
  if (another !== undefined) throw twoCandidates(path, 'label', stem, text.name, another.name);
  return defined(await readLabel(files, path, text, 'cls'), text.name);
}

async function readLabel(
  files: ArchiveFiles,
  path: string,
  { name, offset, size }: Member,
  extension: string,
): Promise<number | undefined> {
  if (size > MAX_LABEL) throw badLabel(path, name, `it has ${size} bytes`);
  const text = Buffer.from(await files.read(path, offset, size)).toString('utf8');
  return extension === 'json' ? parseJson(path, name, text) : parseCls(path, name, text);
}

function twoCandidates(path: string, what: string, stem: string, first = '', second = ''): FrameworkError {
  return new FrameworkError('data/ambiguous', `${path}: ${first} and ${second} may both be the ${what} of ${stem}`, {
    hint: 'keep one of them in the shards',
  });
}

function parseCls(path: string, name: string, text: string): number {
  if (!/^\s*\d{1,9}\s*$/.test(text)) throw badLabel(path, name, `it says "${text.slice(0, 40)}"`);
  return Number(text);
}

/** `label` or `cls` of the record, which must not differ; a record of anything else is no label. */
function parseJson(path: string, name: string, text: string): number | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw badLabel(path, name, 'it is not JSON');
  }
  if (typeof record !== 'object' || record === null) return undefined;
  const { label, cls } = record as { label?: unknown; cls?: unknown };
  const [value, other] = [label, cls].filter(
    (each) => typeof each === 'number' && Number.isInteger(each) && each >= 0,
  ) as number[];
  if (other !== undefined && other !== value)
    throw badLabel(path, name, `its "label" is ${value}, its "cls" ${other}`);
  return value;
}

function badLabel(path: string, name: string, found: string): FrameworkError {
  return new FrameworkError('data/bad-label', `${path}: no class number for ${name}: ${found}`, {
    hint: 'each image needs a .cls file with a number, or a .json file with "label"',
  });
}
