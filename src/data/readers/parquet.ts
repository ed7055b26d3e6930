/**
 * Image data sets of the Hugging Face hub: parquet files with an image column `{bytes, path}` (or plain bytes) and an
 * label: an integer, a string or a boolean. Rows of all files are ordered by path; rows without one by file and row.
 * Reading at random decodes a page (about 1 MiB) for an image, so sequential passes and small sets are fast and training on
 * a large one pays some tenfold; unpack those into folders or tar files.
 */
import { basename } from 'node:path';
import { parquetMetadataAsync } from 'hyparquet';
import type { FileMetaData, RowGroup } from 'hyparquet';
import type { Dataset, DatasetSpec } from '../dataset.ts';
import { sortedOrder, tableDataset } from '../dataset.ts';
import { FrameworkError, defined, messageOf } from '../../util/errors.ts';
import { ArchiveFiles, fileStamp } from './archive-files.ts';
import { cachedIndex } from './index-cache.ts';
import { classesFor, classNames, oneKind, sameNames, type ClassColumns } from './parquet-classes.ts';
import { readChunk, readDictionary, readPage, pageTable } from './parquet-pages.ts';
import type { Chunk, PageTable, Value } from './parquet-pages.ts';
import { findShards, missingShards } from './shards.ts';
import type { RangeReader } from './tar.ts';

/** Decoded pages kept in memory by one reader. */
const CACHE_BYTES = 64 << 20;

interface Index extends ClassColumns {
  readonly keys: string[];
  /** Which of `chunks` a sample is in, and its row there. */
  readonly groups: number[];
  readonly rows: number[];
  readonly chunks: { readonly file: number; readonly image: Chunk }[];
}

/** @throws FrameworkError `data/not-found`, `data/corrupt`, `data/unsupported`, `data/bad-label` */
export async function openParquet(spec: DatasetSpec): Promise<Dataset> {
  const shards = await findShards(spec.root, spec.split, '.parquet');
  const files = new ArchiveFiles();
  const notes = missingShards(shards);
  try {
    const index = await cachedIndex(`parquet-${spec.split}`, shards, spec.cache, notes, () =>
      indexFiles(files, shards),
    );
    const pages = new PageCache(files, shards, index);
    return tableDataset({
      name: `${spec.root} ${spec.split}`,
      ...classesFor(index),
      notes,
      keys: index.keys,
      load: async (i) => {
        const bytes = await pages.value(index.groups[i] as number, index.rows[i] as number);
        if (bytes instanceof Uint8Array) return bytes;
        throw new FrameworkError('data/corrupt', `${index.keys[i] ?? i} has no bytes in the file`);
      },
      close: () => files.close(),
    });
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function indexFiles(files: ArchiveFiles, shards: readonly string[]): Promise<Index> {
  const keys: string[] = [];
  const index: Index = { keys: [], labels: [], groups: [], rows: [], chunks: [], ids: undefined, names: undefined };
  const labels: (number | string)[] = [];
  const places: { group: number; row: number }[] = [];
  const named: { path: string; names: string[] | undefined }[] = [];
  for (const [file, path] of shards.entries()) {
    const { size } = await fileStamp(path);
    const read: RangeReader = (offset, length) => files.read(path, offset, length);
    try {
      const metadata = await readMetadata(read, size);
      const columns = findColumns(metadata);
      named.push({ path, names: classNames(metadata, columns.label) });
      for (const rowGroup of metadata.row_groups) {
        if (Number(rowGroup.num_rows) === 0) continue;
        const group = index.chunks.length;
        index.chunks.push({ file, image: chunkOf(rowGroup, columns.image, size) });
        const groupLabels = await readChunk(read, chunkOf(rowGroup, columns.label, size));
        const paths = columns.path && (await readChunk(read, chunkOf(rowGroup, columns.path, size)));
        groupLabels.forEach((label, row) => {
          const name = paths?.[row];
          const key = name instanceof Uint8Array && name.length > 0 ? text(name) : undefined;
          keys.push(key ?? `${basename(path)}/${String(group).padStart(4, '0')}-${String(row).padStart(6, '0')}`);
          labels.push(label instanceof Uint8Array ? text(label) : (label ?? -1));
          places.push({ group, row });
        });
      }
    } catch (error) {
      throw inFile(path, error);
    }
  }
  for (const i of sortedOrder(keys)) {
    const { group, row } = defined(places[i], `row ${i}`);
    index.keys.push(keys[i] as string);
    index.groups.push(group);
    index.rows.push(row);
  }
  const inOrder = Array.from(sortedOrder(keys), (i) => defined(labels[i], `label ${i}`));
  return { ...index, names: sameNames(named), ...oneKind(index.keys, inOrder) };
}

/** Decodes pages on demand and keeps the last ones; a page is read once although several samples wait for it. */
class PageCache {
  private readonly tables = new Map<number, Promise<PageTable>>();
  private readonly pages = new Map<string, { bytes: number; values: Promise<Value[]> }>();
  private bytes = 0;
  private readonly files: ArchiveFiles;
  private readonly shards: readonly string[];
  private readonly index: Index;

  constructor(files: ArchiveFiles, shards: readonly string[], index: Index) {
    this.files = files;
    this.shards = shards;
    this.index = index;
  }

  async value(group: number, row: number): Promise<Value> {
    const { file, image } = defined(this.index.chunks[group], `row group ${group}`);
    const path = defined(this.shards[file], `file ${file}`);
    const read: RangeReader = (offset, length) => this.files.read(path, offset, length);
    try {
      let table = this.tables.get(group);
      if (table === undefined) this.tables.set(group, (table = pageTable(read, image)));
      const { dictionary, pages } = await table;
      const number = pages.findLastIndex((candidate) => candidate.firstRow <= row);
      const page = defined(pages[number], `page of row ${row}`);
      const values = await this.kept(`${group} ${number}`, page.uncompressed, async () => {
        const entries =
          page.encoding !== 0 && dictionary !== undefined
            ? await this.kept(`${group} dictionary`, dictionary.uncompressed, () =>
                readDictionary(read, image, dictionary),
              )
            : undefined;
        return readPage(read, image, page, entries);
      });
      return values[row - page.firstRow] ?? null;
    } catch (error) {
      throw inFile(path, error);
    }
  }

  private kept(key: string, bytes: number, make: () => Promise<Value[]>): Promise<Value[]> {
    const known = this.pages.get(key);
    if (known !== undefined) {
      this.pages.delete(key);
      this.pages.set(key, known);
      return known.values;
    }
    const values = make();
    this.pages.set(key, { bytes, values });
    this.bytes += bytes;
    for (const [oldest, page] of this.pages) {
      if (this.bytes <= CACHE_BYTES || oldest === key) break;
      this.pages.delete(oldest);
      this.bytes -= page.bytes;
    }
    return values;
  }
}

interface Leaf {
  readonly name: string;
  /** Position among the columns of a row group. */
  readonly column: number;
  readonly type: string;
  readonly maxDefinition: number;
  readonly isRepeated: boolean;
}

async function readMetadata(read: RangeReader, size: number): Promise<FileMetaData> {
  return parquetMetadataAsync({
    byteLength: size,
    slice: async (start, end = size) => {
      const bytes = await read(start, end - start);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    },
  });
}

/** The physical columns, by walking the schema, which lists the tree depth first. */
function leavesOf(metadata: FileMetaData): Leaf[] {
  const leaves: Leaf[] = [];
  let at = 1; // 0 is the root
  const walk = (children: number, path: string, definition: number, isRepeated: boolean): void => {
    for (let i = 0; i < children; i++) {
      const element = metadata.schema[at++];
      if (element === undefined) throw new FrameworkError('data/corrupt', 'the schema of the file is cut off');
      const name = path === '' ? element.name : `${path}.${element.name}`;
      const level = definition + (element.repetition_type === 'REQUIRED' ? 0 : 1);
      const repeated = isRepeated || element.repetition_type === 'REPEATED';
      if (element.num_children) walk(element.num_children, name, level, repeated);
      else {
        const type = element.type ?? 'none';
        leaves.push({ name, column: leaves.length, type, maxDefinition: level, isRepeated: repeated });
      }
    }
  };
  walk(metadata.schema[0]?.num_children ?? 0, '', 0, false);
  return leaves;
}

function findColumns(metadata: FileMetaData): { image: Leaf; path: Leaf | undefined; label: Leaf } {
  const leaves = leavesOf(metadata).filter(({ isRepeated }) => !isRepeated);
  const pick = (type: RegExp, ...names: RegExp[]): Leaf | undefined => {
    for (const name of names) {
      const [leaf, other] = leaves.filter((candidate) => name.test(candidate.name) && type.test(candidate.type));
      if (leaf !== undefined && other !== undefined)
        throw new FrameworkError('data/ambiguous', `the columns ${leaf.name} and ${other.name} may both be meant`, {
          hint: 'keep one of them, or rename the one that is meant to image or label',
        });
      if (leaf !== undefined) return leaf;
    }
    return undefined;
  };
  const image = pick(/^BYTE_ARRAY$/, /^image\.bytes$/, /^img\.bytes$/, /^image$/, /^(img|jpg|jpeg|png|webp)$/, /\.bytes$/);
  const label = pick(/^(INT(32|64)|BYTE_ARRAY|BOOLEAN)$/, /^labels?$/, /^fine_label$/, /^(cls|class|target)$/, /label/);
  if (image === undefined || label === undefined)
    throw new FrameworkError(
      'data/unsupported',
      `no ${image === undefined ? 'image' : 'label'} column among ${leaves.map(({ name, type }) => `${name} (${type})`).join(', ')}`,
      { hint: 'expected a struct column image {bytes, path} and a column label of integers, strings or booleans' },
    );
  const parent = image.name.replace(/\.bytes$/, '');
  return { image, label, path: leaves.find(({ name, type }) => name === `${parent}.path` && type === 'BYTE_ARRAY') };
}

function chunkOf(rowGroup: RowGroup, leaf: Leaf, fileSize: number): Chunk {
  const column = rowGroup.columns[leaf.column];
  const meta = column?.meta_data;
  if (meta === undefined || meta.path_in_schema.join('.') !== leaf.name || meta.type !== leaf.type)
    throw new FrameworkError('data/corrupt', `a row group has no column ${leaf.name} in its place`);
  const data = Number(meta.data_page_offset);
  const dictionary = Number(meta.dictionary_page_offset ?? 0);
  const start = dictionary > 0 ? Math.min(dictionary, data) : data;
  const bytes = Number(meta.total_compressed_size);
  const rows = Number(rowGroup.num_rows);
  if (!(start >= 4 && bytes >= 0 && start + bytes <= fileSize && rows >= 0 && Number(meta.num_values) === rows))
    throw new FrameworkError(
      'data/corrupt',
      `column ${leaf.name}: bytes ${start} to ${start + bytes} of ${fileSize}, ${meta.num_values} values in ${rows} rows`,
    );
  return { start, bytes, rows, codec: meta.codec, type: leaf.type, maxDefinition: leaf.maxDefinition };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** Names the file in an error from inside it; hyparquet's own errors become ours. */
function inFile(path: string, error: unknown): FrameworkError {
  if (error instanceof FrameworkError && error.message.includes(path)) return error;
  const code = error instanceof FrameworkError ? error.code : 'data/corrupt';
  const hint = (error instanceof FrameworkError ? error.hint : undefined) ?? 'fetch the file again';
  return new FrameworkError(code, `${path}: ${messageOf(error)}`, { hint, cause: error });
}
