/**
 * IDX files of the MNIST family: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…`, plain or `.gz`.
 * Big-endian header: 0, 0, type (8 = unsigned byte), number of dimensions, then each dimension as 32 bits.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import type { Dataset, DatasetSpec } from '../dataset.ts';
import { tableDataset } from '../dataset.ts';
import { numberedClasses } from '../found-classes.ts';
import { fromGrey } from '../image/image.ts';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { ifThere } from '../../util/files.ts';

/** Largest content that is unpacked, in bytes: all of EMNIST is 0.6 GB. */
const MAX_BYTES = 2 ** 30;
const UNSIGNED_BYTE = 8;

interface IdxFile {
  readonly path: string;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** Grey images become RGB with three equal channels. @throws FrameworkError `data/not-found`, `data/corrupt` */
export async function openIdx(spec: DatasetSpec): Promise<Dataset> {
  const stem = prefix(spec.split);
  const images = await readIdx(spec.root, `${stem}-images-idx3-ubyte`, 3);
  const labels = await readIdx(spec.root, `${stem}-labels-idx1-ubyte`, 1);
  const [count = 0, height = 0, width = 0] = images.dims;
  if (labels.dims[0] !== count)
    throw new FrameworkError(
      'data/corrupt',
      `${images.path} has ${count} images, but ${labels.path} has ${labels.dims[0]} labels`,
      { hint: 'the two files belong to different splits or copies' },
    );
  if (count > 0 && (width === 0 || height === 0))
    throw new FrameworkError('data/corrupt', `${images.path}: images of ${width}×${height} pixels`);
  const pixels = width * height;
  const keys = Array.from({ length: count }, (_, i) => `${stem}/${String(i).padStart(5, '0')}`);
  return tableDataset({
    name: `${spec.root} ${spec.split}`,
    ...numberedClasses(keys, labels.data),
    notes: [],
    keys,
    load: async (index) => fromGrey(width, height, images.data.subarray(index * pixels, (index + 1) * pixels)),
    close: async () => undefined,
  });
}

function prefix(split: string): string {
  if (split === 'train') return 'train';
  if (split === 'val' || split === 'test' || split === 't10k') return 't10k';
  throw new FrameworkError('data/unknown-split', `IDX files have no split "${split}"`, {
    hint: 'the splits are train and test (also called val)',
  });
}

async function readIdx(root: string, name: string, rank: number): Promise<IdxFile> {
  for (const file of [name, `${name}.gz`, name.replace('-idx', '.idx')]) {
    const path = join(root, file);
    const bytes = await ifThere(path, (at) => readFile(at));
    if (bytes !== undefined) return parseIdx(path, bytes, rank);
  }
  throw new FrameworkError('data/not-found', `neither ${name} nor ${name}.gz is in ${root}`, {
    hint: 'check the data folder and the name of the split',
  });
}

/** Checks the header against the length before any content is unpacked. @throws FrameworkError `data/corrupt` */
export function parseIdx(path: string, bytes: Uint8Array, rank: number): IdxFile {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const headerBytes = 4 + 4 * rank;
  const head = packed ? gunzipStart(path, bytes, headerBytes) : bytes;
  if (head.length < headerBytes) throw corrupt(path, `it has ${head.length} bytes, less than a header`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const [type, dimensions] = [view.getUint16(0) === 0 ? view.getUint8(2) : -1, view.getUint8(3)];
  if (type !== UNSIGNED_BYTE || dimensions !== rank)
    throw corrupt(path, `it starts with ${view.getUint32(0).toString(16)}, not 0000080${rank}`);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = headerBytes + dims.reduce((a, b) => a * b, 1);
  if (size > MAX_BYTES) throw corrupt(path, `its header names ${dims.join('×')} bytes, more than ${MAX_BYTES}`);
  const all = packed ? gunzip(path, bytes, size) : bytes;
  if (all.length !== size)
    throw corrupt(path, `its header (${dims.join('×')}) asks for ${size} bytes, but it has ${all.length}`);
  return { path, dims, data: all.subarray(headerBytes) };
}

/** The first bytes of a packed file. */
function gunzipStart(path: string, bytes: Uint8Array, length: number): Uint8Array {
  try {
    return gunzipSync(bytes.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, length);
  } catch (error) {
    throw corrupt(path, messageOf(error));
  }
}

function gunzip(path: string, bytes: Uint8Array, size: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(size, 1) });
  } catch (error) {
    throw corrupt(path, messageOf(error));
  }
}

function corrupt(path: string, found: string): FrameworkError {
  return new FrameworkError('data/corrupt', `${path} is not a sound IDX file: ${found}`, {
    hint: 'fetch the file again',
  });
}
