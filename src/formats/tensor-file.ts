/** One interface for every container of named tensors. */
import { FrameworkError, nearest } from '../util/errors.ts';
import { toFloat32, toIntegers } from './dtype.ts';
import type { DType } from './dtype.ts';

export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** A file of named tensors, read one tensor at a time. */
export interface TensorFile {
  readonly path: string;
  readonly format: 'safetensors' | 'pth' | 'npy' | 'npz';
  /** Strings stored beside the tensors; for .pth also `entry` (the key that was read) and `entries`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Which set of the file these are, as `--entry` names it; empty for the top level. */
  readonly entry: string;
  /** Tensors beside these in the file that belong to none of them or cannot be read. */
  readonly leftOut: readonly string[];
  /** Names in the order of the file. */
  readonly names: () => string[];
  /** @throws FrameworkError `formats/unknown-tensor` */
  readonly info: (name: string) => TensorInfo;
  /** The values in C order, converted to float32 from whatever is stored. */
  readonly read: (name: string) => Promise<Float32Array>;
  /** The values of an integer or boolean tensor, exact up to ±2^53. */
  readonly readInts: (name: string) => Promise<Float64Array>;
  readonly close: () => Promise<void>;
}

/** What a format provides to become a `TensorFile`: the place of each tensor, and a way to read its bytes (C order, little-endian). */
export interface TensorSource<Entry extends TensorInfo> {
  readonly path: string;
  readonly format: TensorFile['format'];
  readonly metadata?: ReadonlyMap<string, string>;
  readonly entry?: string;
  readonly leftOut?: readonly string[];
  readonly entries: ReadonlyMap<string, Entry>;
  readonly readBytes: (entry: Entry, name: string) => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

/** The shared half of every reader: look-up by name, conversion, errors. */
export function tensorFile<Entry extends TensorInfo>(source: TensorSource<Entry>): TensorFile {
  const { path, format, entries } = source;
  const find = (name: string): Entry => entries.get(name) ?? unknownTensor(path, name, entries.keys());
  return {
    path,
    format,
    metadata: source.metadata ?? new Map<string, string>(),
    entry: source.entry ?? '',
    leftOut: source.leftOut ?? [],
    names: () => [...entries.keys()],
    info: (name) => {
      const { dtype, shape } = find(name);
      return { dtype, shape };
    },
    read: async (name) => {
      const entry = find(name);
      return toFloat32(entry.dtype, await source.readBytes(entry, name));
    },
    readInts: async (name) => {
      const entry = find(name);
      return toIntegers(entry.dtype, await source.readBytes(entry, name), `${path}: ${name}`);
    },
    close: source.close,
  };
}

export function unknownTensor(path: string, name: string, names: Iterable<string>): never {
  const known = [...names];
  const near = nearest(name, known);
  throw new FrameworkError(
    'formats/unknown-tensor',
    `${path} has no tensor ${name} among its ${known.length}`,
    {
      ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
    },
  );
}

/** The error for a file that breaks the rules of its format. */
export function corrupt(
  path: string,
  found: string,
  hint = 'download or copy the file again',
): FrameworkError {
  return new FrameworkError('formats/corrupt', `${path}: ${found}`, { hint });
}
