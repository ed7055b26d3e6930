/** LZ4 blocks (lz4/lz4: doc/lz4_Block_format.md): sequences of literals and copies from what was written before. */
import { FrameworkError } from '../../util/errors.ts';

/** Longest expansion: a byte of a length adds 255 bytes. */
const MAX_EXPANSION = 256;

/**
 * @param size expected length of the result in bytes
 * @throws FrameworkError `data/corrupt`
 */
export function uncompressLz4(input: Uint8Array, size: number): Uint8Array {
  if (size > input.length * MAX_EXPANSION + 64) throw corrupt(`${size} bytes cannot come from ${input.length}`);
  const output = new Uint8Array(size);
  let at = 0;
  let out = 0;
  const length = (nibble: number): number => {
    let total = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; total += byte) {
      if (at >= input.length) throw corrupt('it ends within a length');
      byte = input[at++] as number;
    }
    return total;
  };
  while (at < input.length) {
    const token = input[at++] as number;
    const literals = length(token >> 4);
    if (at + literals > input.length || out + literals > size) throw corrupt('a literal passes the end');
    output.set(input.subarray(at, at + literals), out);
    at += literals;
    out += literals;
    if (at === input.length) break;
    if (at + 2 > input.length) throw corrupt('it ends within a distance');
    const distance = (input[at] as number) | ((input[at + 1] as number) << 8);
    at += 2;
    const run = length(token & 15) + 4;
    if (distance === 0 || distance > out || out + run > size) throw corrupt('a copy passes the ends');
    for (let i = 0; i < run; i++) output[out + i] = output[out + i - distance] as number;
    out += run;
  }
  if (out !== size) throw corrupt(`${out} bytes instead of ${size}`);
  return output;
}

/**
 * The codec that parquet first called LZ4: Hadoop's frames (two big-endian lengths before each block), or a bare block.
 * (apache/arrow: cpp/src/arrow/util/compression_lz4.cc)
 */
export function uncompressHadoopLz4(input: Uint8Array, size: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const parts: Uint8Array[] = [];
  let at = 0;
  let total = 0;
  while (at + 8 <= input.length) {
    const [plain, packed] = [view.getUint32(at), view.getUint32(at + 4)];
    if (total + plain > size || at + 8 + packed > input.length) return uncompressLz4(input, size);
    parts.push(uncompressLz4(input.subarray(at + 8, at + 8 + packed), plain));
    total += plain;
    at += 8 + packed;
  }
  if (at !== input.length || total !== size) return uncompressLz4(input, size);
  return Buffer.concat(parts);
}

function corrupt(found: string): FrameworkError {
  return new FrameworkError('data/corrupt', `not a sound LZ4 block: ${found}`);
}
