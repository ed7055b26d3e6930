/** Snappy blocks (google/snappy, format_description.txt), with every length checked: damaged input ends in an error. */
import { FrameworkError } from '../../util/errors.ts';

/** A copy of 3 bytes gives at most 64. */
const MAX_EXPANSION = 22;

/**
 * @param size expected length of the result in bytes
 * @throws FrameworkError `data/corrupt`
 */
export function uncompressSnappy(input: Uint8Array, size: number): Uint8Array {
  const start = readVarint(input, 0);
  let at = start.next;
  const length = start.value;
  if (length !== size) throw corrupt(`${length} bytes announced where ${size} are expected`);
  if (size > input.length * MAX_EXPANSION + 64) throw corrupt(`${size} bytes cannot come from ${input.length}`);
  const output = new Uint8Array(size);
  let out = 0;
  while (at < input.length) {
    const tag = input[at++] as number;
    const kind = tag & 3;
    if (kind === 0) {
      let run = tag >>> 2;
      if (run >= 60) {
        const bytes = run - 59;
        run = littleEndian(input, at, bytes);
        at += bytes;
      }
      run += 1;
      if (at + run > input.length || out + run > size) throw corrupt('a literal passes the end');
      output.set(input.subarray(at, at + run), out);
      at += run;
      out += run;
      continue;
    }
    const bytes = kind === 3 ? 4 : kind;
    const low = littleEndian(input, at, bytes);
    at += bytes;
    const run = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const distance = kind === 1 ? low + ((tag >>> 5) << 8) : low;
    if (distance === 0 || distance > out || out + run > size) throw corrupt('a copy passes the ends');
    // The ranges may overlap on purpose: a copy at distance 1 repeats one byte.
    if (distance >= run) output.copyWithin(out, out - distance, out - distance + run);
    else for (let i = 0; i < run; i++) output[out + i] = output[out + i - distance] as number;
    out += run;
  }
  if (out !== size) throw corrupt(`${out} bytes instead of ${size}`);
  return output;
}

/** An unsigned LEB128 number of at most five bytes and where the next byte lies. @throws FrameworkError `data/corrupt` */
export function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 128) return { value, next: at + i + 1 };
  }
  throw corrupt('a number without end');
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  if (at + bytes > input.length) throw corrupt('it ends within a tag');
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (input[at + i] as number);
  return value;
}

function corrupt(found: string): FrameworkError {
  return new FrameworkError('data/corrupt', `not a sound snappy block: ${found}`);
}
