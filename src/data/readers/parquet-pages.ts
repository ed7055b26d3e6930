/**
 * Pages of one flat parquet column (apache/parquet-format): found by walking their headers and decoded one by one, so that
 * one image costs one page and not a row group. Data pages v1 and v2, plain and dictionary encoding. hyparquet reads the file's metadata and headers; its value decoder trusts the run lengths in the file,
 * which a damaged file turns into gigabytes, so values are decoded here with every length checked.
 */
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { FrameworkError } from '../../util/errors.ts';
import { decompress } from './codecs.ts';
import { readVarint } from './snappy.ts';
import type { RangeReader } from './tar.ts';

/** Where one column of one row group lies, and how its values are stored. */
export interface Chunk {
  /** First byte in the file and length, in bytes. */
  readonly start: number;
  readonly bytes: number;
  readonly rows: number;
  readonly codec: string;
  readonly type: string;
  /** 0 if no value can be missing; else the level of a value that is there. */
  readonly maxDefinition: number;
}

export interface Page {
  /** First byte of the content, after the header. */
  readonly offset: number;
  readonly compressed: number;
  readonly uncompressed: number;
  /** Values, missing ones included; of a dictionary page, entries. */
  readonly count: number;
  readonly firstRow: number;
  readonly encoding: number;
  /** v2: bytes of levels before the values, which are never compressed. */
  readonly v2: { readonly levels: number; readonly isCompressed: boolean } | undefined;
}

export interface PageTable {
  readonly dictionary: Page | undefined;
  readonly pages: readonly Page[];
}

export type Value = Uint8Array | number | null;

const PLAIN = 0;
const PLAIN_DICTIONARY = 2;
const RLE = 3;
const RLE_DICTIONARY = 8;
/** Names by number, for messages. */
const ENCODINGS = ['PLAIN', '', 'PLAIN_DICTIONARY', 'RLE', 'BIT_PACKED', 'DELTA_BINARY_PACKED'];
ENCODINGS.push('DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY', 'RLE_DICTIONARY', 'BYTE_STREAM_SPLIT');
/** Headers hold statistics of up to 2 × 4 KiB. */
const HEADER_WINDOW = 16 << 10;
const MAX_HEADER = 1 << 20;
/** Writers stop a page at 1 MiB or one value; a few bytes of zstd could announce gigabytes. */
const MAX_PAGE = 1 << 28;
/** Writers stop a page at 1 MiB or 20,000 rows; a run-length page could announce billions in a few bytes. */
const MAX_VALUES = 1 << 24;

/** Walks the headers of a chunk. @throws FrameworkError `data/corrupt` */
export async function pageTable(read: RangeReader, chunk: Chunk): Promise<PageTable> {
  const end = chunk.start + chunk.bytes;
  let dictionary: Page | undefined;
  const pages: Page[] = [];
  let at = chunk.start;
  let row = 0;
  while (row < chunk.rows && at < end) {
    const { fields, bytes } = await readHeader(read, at, end);
    const compressed = int(fields, 3);
    const offset = at + bytes;
    const common = { offset, compressed, uncompressed: int(fields, 2), firstRow: row };
    if (compressed < 0 || offset + compressed > end) throw corrupt(`a page at ${at} passes its column's end`);
    if (common.uncompressed < 0 || common.uncompressed > MAX_PAGE)
      throw corrupt(`a page at ${at} of ${common.uncompressed} bytes`);
    const page = pageOf(int(fields, 1), fields, common, chunk);
    if (page !== undefined) {
      if (int(fields, 1) === 2) dictionary = page;
      else {
        pages.push(page);
        row += page.count;
      }
    }
    at = offset + compressed;
  }
  if (row !== chunk.rows) throw corrupt(`its pages hold ${row} of ${chunk.rows} rows`);
  return { dictionary, pages };
}

type Fields = Record<string, unknown>;
type Common = Pick<Page, 'offset' | 'compressed' | 'uncompressed' | 'firstRow'>;

/** By type: 0 data page, 1 index page (not needed), 2 dictionary page, 3 data page v2. */
function pageOf(type: number, fields: Fields, common: Common, chunk: Chunk): Page | undefined {
  if (type === 1) return undefined;
  const header = fields[`field_${{ 0: 5, 2: 7, 3: 8 }[type] ?? -1}`];
  if (typeof header !== 'object' || header === null) throw corrupt(`a page of type ${type} without header`);
  const inner = header as Fields;
  const count = int(inner, 1);
  const most = Math.min(type === 2 ? common.uncompressed : chunk.rows - common.firstRow, MAX_VALUES);
  if (count < 0 || count > most) throw corrupt(`a page of ${count} values where at most ${most} fit`);
  if (type !== 3) return { ...common, count, encoding: int(inner, 2), v2: undefined };
  const levels = int(inner, 5) + int(inner, 6);
  if (int(inner, 5) < 0 || int(inner, 6) !== 0 || levels > common.compressed)
    throw corrupt(`a page with ${levels} bytes of levels`);
  return { ...common, count, encoding: int(inner, 4), v2: { levels, isCompressed: inner.field_7 !== false } };
}

async function readHeader(
  read: RangeReader,
  at: number,
  end: number,
): Promise<{ fields: Fields; bytes: number }> {
  for (let window = HEADER_WINDOW; ; window = MAX_HEADER) {
    const bytes = await read(at, Math.min(window, end - at));
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    try {
      return { fields: deserializeTCompactProtocol(reader), bytes: reader.offset };
    } catch (error) {
      if (window === MAX_HEADER || bytes.length < window) throw corrupt(`no page header at ${at}`, error);
    }
  }
}

/**
 * The values of one page, null where missing; byte arrays are views of the page.
 * @param dictionary values of the chunk's dictionary page, needed by pages that refer to it
 */
export async function readPage(
  read: RangeReader,
  chunk: Chunk,
  page: Page,
  dictionary: readonly Value[] | undefined,
): Promise<Value[]> {
  const raw = await read(page.offset, page.compressed);
  let levels: Uint8Array | undefined;
  let values: Uint8Array;
  if (page.v2 !== undefined) {
    levels = raw.subarray(0, page.v2.levels);
    const rest = raw.subarray(page.v2.levels);
    const size = page.uncompressed - page.v2.levels;
    values = page.v2.isCompressed ? decompress(chunk.codec, rest, size) : rest;
  } else {
    values = decompress(chunk.codec, raw, page.uncompressed);
    if (chunk.maxDefinition > 0) {
      const length = uint32(values, 0);
      if (4 + length > values.length) throw corrupt('its levels pass the end of a page');
      levels = values.subarray(4, 4 + length);
      values = values.subarray(4 + length);
    }
  }
  if (chunk.maxDefinition === 0 || levels === undefined) return decode(chunk, page, values, page.count, dictionary);
  const definitions = hybrid(levels, bitWidth(chunk.maxDefinition), page.count);
  const isThere = (level: number): boolean => level === chunk.maxDefinition;
  const present = decode(chunk, page, values, definitions.filter(isThere).length, dictionary);
  let next = 0;
  return Array.from(definitions, (level) => (isThere(level) ? (present[next++] ?? null) : null));
}

/** The entries of a dictionary page. */
export async function readDictionary(read: RangeReader, chunk: Chunk, page: Page): Promise<Value[]> {
  const bytes = decompress(chunk.codec, await read(page.offset, page.compressed), page.uncompressed);
  return plain(chunk.type, bytes, page.count);
}

/** All values of a small column (labels, names), read at once. */
export async function readChunk(read: RangeReader, chunk: Chunk): Promise<Value[]> {
  const bytes = await read(chunk.start, chunk.bytes);
  const inMemory: RangeReader = async (offset, length) =>
    bytes.subarray(offset - chunk.start, offset - chunk.start + length);
  const { dictionary, pages } = await pageTable(inMemory, chunk);
  const entries = dictionary && (await readDictionary(inMemory, chunk, dictionary));
  const values: Value[] = [];
  for (const page of pages) for (const v of await readPage(inMemory, chunk, page, entries)) values.push(v);
  return values;
}

function decode(
  chunk: Chunk,
  page: Page,
  bytes: Uint8Array,
  count: number,
  dictionary: readonly Value[] | undefined,
): Value[] {
  if (page.encoding === PLAIN) return plain(chunk.type, bytes, count);
  if (page.encoding === RLE && chunk.type === 'BOOLEAN') return [...hybrid(bytes.subarray(4), 1, count)];
  if (page.encoding !== RLE_DICTIONARY && page.encoding !== PLAIN_DICTIONARY)
    throw unsupported(`encoding ${ENCODINGS[page.encoding] ?? page.encoding}`, 'write the file again with PLAIN');
  if (dictionary === undefined) throw corrupt('a page refers to a dictionary that is not there');
  const width = bytes[0] ?? 0;
  if (width > 32) throw corrupt(`dictionary numbers of ${width} bits`);
  return Array.from(hybrid(bytes.subarray(1), width, count), (entry) => {
    const value = dictionary[entry];
    if (value === undefined) throw corrupt(`entry ${entry} of a dictionary of ${dictionary.length}`);
    return value;
  });
}

function plain(type: string, bytes: Uint8Array, count: number): Value[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === 'BOOLEAN') return Array.from({ length: count }, (_, i) => bits(bytes, i, 1));
  const least = { BYTE_ARRAY: 4, INT32: 4, INT64: 8 }[type];
  if (least === undefined) throw unsupported(`a column of type ${type}`, 'labels must be integers, strings or booleans');
  if (count * least > bytes.length) throw corrupt(`${count} values in a page of ${bytes.length} bytes`);
  if (type === 'INT32') return Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
  if (type === 'INT64') return Array.from({ length: count }, (_, i) => Number(view.getBigInt64(8 * i, true)));
  const values: Uint8Array[] = [];
  for (let at = 0; values.length < count; ) {
    const length = uint32(bytes, at);
    if (at + 4 + length > bytes.length) throw corrupt('a value passes the end of its page');
    values.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return values;
}

/** `count` numbers in parquet's mix of runs (RLE) and bit-packed groups of eight. */
function hybrid(bytes: Uint8Array, width: number, count: number): Uint32Array {
  const output = new Uint32Array(count);
  let at = 0;
  let seen = 0;
  while (seen < count) {
    const { value: header, next } = readVarint(bytes, at);
    at = next;
    const half = Math.floor(header / 2);
    if (half === 0) throw corrupt('an empty run');
    if (header % 2 === 0) {
      const size = Math.ceil(width / 8);
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + byteAt(bytes, at + i);
      at += size;
      output.fill(value, seen, seen + half);
      seen += half;
    } else {
      const values = Math.min(half * 8, count - seen);
      for (let i = 0; i < values; i++) output[seen++] = bits(bytes, at * 8 + i * width, width);
      at += half * width;
    }
  }
  return output;
}

/** `width` bits from bit `position`, least significant first. */
function bits(bytes: Uint8Array, position: number, width: number): number {
  let value = 0;
  for (let i = 0; i < width; i++) {
    const bit = position + i;
    if ((byteAt(bytes, bit >>> 3) >>> (bit & 7)) & 1) value += 2 ** i;
  }
  return value;
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw corrupt('its runs end too early');
  return byte;
}

function uint32(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw corrupt('a page ends within a length');
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
}

function int(fields: Fields, id: number): number {
  const value = fields[`field_${id}`];
  if (typeof value !== 'number' || !Number.isInteger(value)) throw corrupt(`field ${id} of a page header`);
  return value;
}

function bitWidth(value: number): number {
  return 32 - Math.clz32(value);
}

function corrupt(found: string, cause?: unknown): FrameworkError {
  return new FrameworkError('data/corrupt', `not a sound parquet file: ${found}`, {
    hint: 'fetch the file again',
    ...(cause === undefined ? {} : { cause }),
  });
}

function unsupported(found: string, hint: string): FrameworkError {
  return new FrameworkError('data/unsupported', `${found} in a parquet file is not supported`, { hint });
}
