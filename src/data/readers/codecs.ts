/** Compressions of parquet pages. A page says how long it will be; nothing longer is made of it. */
import { decompress as unzstd } from 'fzstd';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { uncompressHadoopLz4, uncompressLz4 } from './lz4.ts';
import { uncompressSnappy } from './snappy.ts';

type Codec = (bytes: Uint8Array, size: number) => Uint8Array;

const CODECS: Readonly<Record<string, Codec>> = {
  UNCOMPRESSED: (bytes) => bytes,
  SNAPPY: uncompressSnappy,
  GZIP: (bytes, size) => gunzipSync(bytes, { maxOutputLength: Math.max(size, 1) }),
  BROTLI: (bytes, size) => brotliDecompressSync(bytes, { maxOutputLength: Math.max(size, 1) }),
  LZ4: uncompressHadoopLz4,
  LZ4_RAW: uncompressLz4,
  ZSTD: uncompressZstd,
};

/** @throws FrameworkError `data/corrupt`, `data/unsupported` */
export function decompress(codec: string, bytes: Uint8Array, size: number): Uint8Array {
  const read = Object.hasOwn(CODECS, codec) ? CODECS[codec] : undefined;
  if (read === undefined)
    throw new FrameworkError('data/unsupported', `compression ${codec} in a parquet file is not supported`, {
      hint: `write the file again with one of ${Object.keys(CODECS).join(', ')}`,
    });
  let result: Uint8Array;
  try {
    result = read(bytes, size);
  } catch (error) {
    throw corrupt(`a page is not sound ${codec}: ${messageOf(error)}`, error);
  }
  if (result.length !== size) throw corrupt(`a page of ${result.length} bytes instead of ${size}`);
  return result;
}

/** fzstd fills the memory it is given and does not say how much of it; the frame's own length does. (RFC 8878, 3.1.1.1) */
function uncompressZstd(bytes: Uint8Array, size: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 0 && bytes.length === 0) return bytes;
  if (view.getUint32(0, true) !== 0xfd2fb528) throw new Error('its first bytes are not those of a frame');
  const descriptor = view.getUint8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  if ((descriptor & 3) !== 0) throw new Error('it needs a dictionary');
  const at = isSingle ? 5 : 6;
  const kind = descriptor >> 6;
  const known =
    kind === 0
      ? isSingle
        ? view.getUint8(at)
        : undefined
      : kind === 1
        ? view.getUint16(at, true) + 256
        : kind === 2
          ? view.getUint32(at, true)
          : Number(view.getBigUint64(at, true));
  if (known !== undefined && known !== size) throw new Error(`it holds ${known} bytes instead of ${size}`);
  return unzstd(bytes, new Uint8Array(size));
}

function corrupt(found: string, cause?: unknown): FrameworkError {
  return new FrameworkError('data/corrupt', `not a sound parquet file: ${found}`, { hint: 'fetch the file again', cause });
}
