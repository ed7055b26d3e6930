/**
 * The index of a tar archive: where each regular file lies. Nothing is unpacked.
 * Formats: v7, ustar (with prefix), GNU long names and base-256 sizes, pax `path` and `size`.
 */
import { FrameworkError } from '../../util/errors.ts';
import { latin1 } from '../image/sniff.ts';

export interface TarEntry {
  readonly name: string;
  /** First byte of the content, from the start of the file that holds the archive. */
  readonly offset: number;
  /** bytes */
  readonly size: number;
}

export interface TarIndex {
  readonly entries: TarEntry[];
  /** Links, devices and other members that are not regular files or folders. */
  readonly skipped: string[];
}

/** Exactly `length` bytes at `offset`. */
export type RangeReader = (offset: number, length: number) => Promise<Uint8Array>;

const BLOCK = 512;
/** One page: the header and, in WebDataset shards, the label that follows it. */
const WINDOW = 4096;
/** Longest name or pax record that is read into memory, in bytes. */
const MAX_META = 1 << 20;

/**
 * Indexes the archive in bytes [start, end) of a file; a tar inside a tar is the range of its member.
 * @param label the archive's name in messages
 * @throws FrameworkError `data/corrupt` (bad checksum, bad field) or `data/truncated` (a member passes the end)
 */
export async function indexTar(
  read: RangeReader,
  label: string,
  start: number,
  end: number,
): Promise<TarIndex> {
  const window = windowed(read, end);
  const index: TarIndex = { entries: [], skipped: [] };
  let position = start;
  let longName: string | undefined;
  let pax = new Map<string, string>();
  if (end > start) refusePacked(await window(start, Math.min(BLOCK, end - start)), label);
  while (position + BLOCK <= end) {
    const block = await window(position, BLOCK);
    if (block.every((byte) => byte === 0)) return index;
    const header = parseHeader(block, `${label} at byte ${position}`);
    const meta = 'xgLK'.includes(header.type);
    const size = meta ? header.size : paxSize(pax, header.size, label);
    const content = position + BLOCK;
    const name = longName ?? pax.get('path') ?? header.name;
    if (content + size > end)
      throw new FrameworkError(
        'data/truncated',
        `${label}: "${name}" needs ${size} bytes at ${content}, but the archive ends at ${end}`,
        { hint: 'the download is incomplete; fetch the archive again' },
      );
    if (meta) {
      if (size > MAX_META) throw corrupt(label, `a name record of ${size} bytes at ${position}`);
      const bytes = await window(content, size);
      if (header.type === 'L') longName = cString(bytes);
      if (header.type === 'x') pax = parsePax(bytes, label);
    } else {
      if (header.type === '0' || header.type === '7') {
        if (!name.endsWith('/')) index.entries.push({ name: cleanName(name), offset: content, size });
      } else if (header.type !== '5') index.skipped.push(name);
      longName = undefined;
      pax = new Map();
    }
    position = content + Math.ceil(size / BLOCK) * BLOCK;
  }
  // Only the closing block tells a whole archive from one that was cut between two members.
  throw new FrameworkError(
    'data/truncated',
    `${label}: the closing block is missing after ${index.entries.length} members; the archive was cut off at ${end}`,
    { hint: 'the download is incomplete; fetch the archive again' },
  );
}

/** An archive that is packed as a whole; a plain one says `ustar`, or is so old that its checksum tells. */
function refusePacked(block: Uint8Array, label: string): void {
  const hex = Buffer.from(block.subarray(0, 4)).toString('hex');
  const known = { '1f8b': 'gzip', '28b52ffd': 'zstd', '425a68': 'bzip2', fd377a58: 'xz' };
  const program = Object.entries(known).find(([start]) => hex.startsWith(start))?.[1];
  if (program === undefined || cString(block.subarray(257, 262)) === 'ustar') return;
  throw new FrameworkError('data/packed', `${label} is packed with ${program}; its members cannot be reached one by one`, {
    hint: `unpack it to a plain .tar first: ${program} -d`,
  });
}

/** Serves small reads from one page-sized window, so that hopping over headers costs one read each. */
function windowed(read: RangeReader, end: number): RangeReader {
  let base = 0;
  let bytes = new Uint8Array(0);
  return async (offset, length) => {
    if (offset < base || offset + length > base + bytes.length) {
      base = offset;
      bytes = (await read(offset, Math.min(Math.max(length, WINDOW), end - offset))) as Uint8Array<ArrayBuffer>;
    }
    return bytes.subarray(offset - base, offset - base + length);
  };
}

interface TarHeader {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

function parseHeader(block: Uint8Array, where: string): TarHeader {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 32 : (block[i] as number);
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const checksum = number(block.subarray(148, 156), where);
  if (checksum !== unsigned && checksum !== signed)
    throw corrupt(where, `header checksum ${checksum} instead of ${unsigned}`);
  const magic = cString(block.subarray(257, 263));
  const prefix = magic === 'ustar' ? cString(block.subarray(345, 500)) : '';
  const name = cString(block.subarray(0, 100));
  const flag = block[156] as number;
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size: number(block.subarray(124, 136), where),
    type: flag === 0 ? '0' : String.fromCharCode(flag),
  };
}

/** An octal field, or base-256 if its first bit is set (GNU, for 8 GiB and more). */
function number(field: Uint8Array, where: string): number {
  const first = field[0] as number;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw corrupt(where, 'a size of more than 2^53 bytes');
    return value;
  }
  const text = cString(field).trim();
  if (!/^[0-7]*$/.test(text)) throw corrupt(where, `"${text}" where an octal number belongs`);
  return text === '' ? 0 : parseInt(text, 8);
}

function paxSize(pax: ReadonlyMap<string, string>, size: number, label: string): number {
  const text = pax.get('size');
  if (text === undefined) return size;
  if (!/^\d{1,15}$/.test(text)) throw corrupt(label, `a pax size of "${text}"`);
  return Number(text);
}

/** Records `<length> <key>=<value>\n`. */
function parsePax(bytes: Uint8Array, label: string): Map<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const space = bytes.indexOf(32, at);
    const length = Number(latin1(bytes.subarray(at, space < 0 ? at : Math.min(space, at + 16))));
    if (!Number.isInteger(length) || length <= space - at + 1 || at + length > bytes.length)
      throw corrupt(label, 'a pax record of impossible length');
    const record = Buffer.from(bytes.subarray(space + 1, at + length - 1)).toString('utf8');
    const equals = record.indexOf('=');
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

/** Names such as `./n01440764/a.JPEG` without the leading `./`. */
function cleanName(name: string): string {
  return name.replace(/^(\.?\/)+/, '');
}

function cString(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return Buffer.from(zero < 0 ? bytes : bytes.subarray(0, zero)).toString('utf8');
}

function corrupt(where: string, found: string): FrameworkError {
  return new FrameworkError('data/corrupt', `${where}: not a sound tar archive: ${found}`, {
    hint: 'fetch the archive again and check its checksum',
  });
}
