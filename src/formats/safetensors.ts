/**
 * safetensors: 8 bytes of little-endian header length, a JSON header {name: {dtype, shape, data_offsets}} with an optional
 * `__metadata__` of strings, then the tensors' bytes without gaps. The checks are those of huggingface/safetensors.
 */
import { FrameworkError, messageOf } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { digesting, type FileDigest } from '../util/sealed.ts';
import { DTYPE_BYTES, countElements, isDType, isSize } from './dtype.ts';
import { duplicateKey, members } from './json-keys.ts';
import { closingOnError, openRange } from './range.ts';
import type { RangeFile } from './range.ts';
import { corrupt, tensorFile } from './tensor-file.ts';
import type { TensorFile, TensorInfo, TensorSource } from './tensor-file.ts';

/** Bytes; the limit of the reference implementation. */
const MAX_HEADER = 100_000_000;

interface Entry extends TensorInfo {
  /** bytes from the start of the data area, end exclusive */
  readonly begin: number;
  readonly end: number;
}

/**
 * Opens a safetensors file; only the header is read.
 * @throws FrameworkError `formats/corrupt` when header and data do not agree in every respect
 * @example const file = await openSafetensors('model.safetensors'); const weight = await file.read('head.weight');
 */
export async function openSafetensors(path: string): Promise<TensorFile> {
  return tensorFile(await findSafetensors(path));
}

/** Where the tensors of a safetensors file lie. Throws as `openSafetensors` does. */
export async function findSafetensors(path: string): Promise<TensorSource<Entry>> {
  const file = await openRange(path);
  return closingOnError(file, async () => {
    const { entries, metadata, dataStart } = await readHeader(file);
    return {
      path,
      format: 'safetensors' as const,
      metadata,
      entries,
      readBytes: ({ begin, end }) => file.read(dataStart + begin, end - begin),
      close: file.close,
    };
  });
}

async function readHeader(file: RangeFile) {
  const { path, size } = file;
  if (size < 8) throw corrupt(path, `${size} bytes cannot hold a safetensors header`);
  const head = await file.read(0, 8);
  const length = Number(new DataView(head.buffer).getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > size)
    throw corrupt(path, `its header claims ${length} bytes, the file has ${size}`);
  let metadata: Map<string, string> | undefined;
  const entries = new Map<string, Entry>();
  for (const [name, value] of headerMembers(path, await file.read(8, length))) {
    const isMetadata = name === '__metadata__';
    if (isMetadata ? metadata !== undefined : entries.has(name)) throw twice(path, name);
    if (isMetadata) metadata = readMetadata(path, value);
    else entries.set(name, readEntry(path, name, value));
  }
  checkLayout(path, entries, size - 8 - length);
  return { entries, metadata: metadata ?? new Map<string, string>(), dataStart: 8 + length };
}

/** The members of the header, parsed one by one: a header of hundreds of thousands is never one object. */
function* headerMembers(path: string, bytes: Uint8Array): Generator<[string, unknown]> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!/^\s*\{/.test(text)) throw corrupt(path, 'its header is not a JSON object');
    checkNesting(bytes);
    for (const [name, json] of members(text)) {
      const value: unknown = JSON.parse(json);
      const key = duplicateKey(json);
      if (key !== undefined) throw twice(path, key);
      yield [name, value];
    }
  } catch (error) {
    if (error instanceof FrameworkError) throw error;
    throw corrupt(path, `its header is not JSON: ${messageOf(error)}`);
  }
}

function twice(path: string, name: string): FrameworkError {
  return corrupt(path, `its header names ${JSON.stringify(name)} twice`);
}

/** Bytes of brackets that a header may have: three pairs a tensor, so a million and a half of tensors. */
const MAX_BRACKETS = 1 << 23;

/** A header of brackets alone would make a hundred million objects; names and texts with brackets count too, which does no harm. */
function checkNesting(bytes: Uint8Array): void {
  let brackets = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0x5b || bytes[i] === 0x7b) brackets++;
  if (brackets > MAX_BRACKETS) throw new Error(`it has ${brackets} brackets`);
}

function readMetadata(path: string, value: unknown): Map<string, string> {
  if (!isRecord(value)) throw corrupt(path, '__metadata__ is not an object');
  for (const [key, text] of Object.entries(value))
    if (typeof text !== 'string') throw corrupt(path, `__metadata__.${key} is not a string`);
  return new Map(Object.entries(value as Record<string, string>));
}

function readEntry(path: string, name: string, value: unknown): Entry {
  const entry = entryOf(value);
  if (typeof entry === 'string') throw corrupt(path, `tensor ${JSON.stringify(name)}: ${entry}`);
  return entry;
}

/** An entry of the header, or what is wrong with it. */
function entryOf(value: unknown): Entry | string {
  if (!isRecord(value)) return 'its header entry is not an object';
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDType(dtype))
    return `dtype ${JSON.stringify(dtype)} is not one of ${Object.keys(DTYPE_BYTES).join(' ')}`;
  const count = Array.isArray(shape) ? countElements(shape) : undefined;
  if (count === undefined) return `shape ${JSON.stringify(shape)} is not a list of sizes`;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return `data_offsets ${JSON.stringify(offsets)} are not two offsets`;
  const [begin, end] = offsets as [number, number];
  const bytes = count * DTYPE_BYTES[dtype];
  if (end - begin !== bytes)
    return `${dtype} [${String(shape)}] needs ${bytes} bytes, data_offsets give ${end - begin}`;
  return { dtype, shape: shape as number[], begin, end };
}

/** Tensors must follow one another without gap or overlap and end with the file. */
function checkLayout(path: string, entries: ReadonlyMap<string, Entry>, dataBytes: number): void {
  let at = 0;
  for (const [name, { begin, end }] of [...entries].sort(
    ([, a], [, b]) => a.begin - b.begin || a.end - b.end,
  )) {
    if (begin !== at)
      throw corrupt(
        path,
        `tensor ${JSON.stringify(name)} starts at byte ${begin} of the data, expected ${at}`,
      );
    at = end;
  }
  if (at !== dataBytes)
    throw corrupt(path, `its tensors need ${at} bytes of data, the file has ${dataBytes}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A tensor to be written. Values may be made when their turn comes, so that a checkpoint is never whole in memory. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'F32' | 'I32' | 'I64';
  readonly data: TensorData | (() => TensorData | Promise<TensorData>);
}

export type TensorData = Float32Array | Int32Array | BigInt64Array;

/**
 * Writes tensors, widest element first and then by name (as the reference implementation does, so that all are aligned).
 * The same tensors give the same bytes. Atomic.
 * @returns size and SHA-256 of the file, taken while it is written
 * @throws FrameworkError `formats/bad-tensor` for a repeated name or data that do not fit dtype and shape
 * @example await writeSafetensors('a.safetensors', [{ name: 'w', dtype: 'F32', shape: [2], data: new Float32Array(2) }])
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<FileDigest> {
  const sorted = [...tensors].sort(
    (a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0)
    header.set(
      '__metadata__',
      Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))),
    );
  let at = 0;
  for (const { name, dtype, shape } of sorted) {
    if (header.has(name) || name === '__metadata__')
      throw new FrameworkError(
        'formats/bad-tensor',
        `${path}: two entries would be named ${JSON.stringify(name)}`,
      );
    const bytes = elementsOf(path, name, shape) * DTYPE_BYTES[dtype];
    header.set(name, { dtype, shape, data_offsets: [at, at + bytes] });
    at += bytes;
  }
  const { pieces: digested, digest } = digesting(pieces(path, headerBytes(header), sorted));
  await writeFileAtomic(path, digested);
  return digest();
}

function headerBytes(header: ReadonlyMap<string, unknown>): Uint8Array {
  // Not Object.fromEntries: it would put names that are whole numbers first.
  const text = `{${[...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const json = Buffer.from(text);
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

async function* pieces(path: string, header: Uint8Array, tensors: readonly TensorToWrite[]) {
  yield header;
  for (const { name, dtype, shape, data } of tensors) {
    const values = typeof data === 'function' ? await data() : data;
    const fits =
      values instanceof (dtype === 'F32' ? Float32Array : dtype === 'I32' ? Int32Array : BigInt64Array) &&
      values.length === elementsOf(path, name, shape);
    if (!fits)
      throw new FrameworkError(
        'formats/bad-tensor',
        `${path}: ${name} is ${dtype} [${shape.join(', ')}] but was given a ${values.constructor.name} of ${values.length}`,
      );
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
}

function elementsOf(path: string, name: string, shape: readonly number[]): number {
  const count = countElements(shape);
  if (count === undefined)
    throw new FrameworkError('formats/bad-tensor', `${path}: ${name} has the shape [${shape.join(', ')}]`);
  return count;
}
