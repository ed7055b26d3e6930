/**
 * ZIP archives read by offset, as .pth and .npz files are: the central directory first, members when asked for.
 * Stored and deflated members, ZIP64; no encryption, no archives over several disks.
 */
import { Inflate, inflateSync } from 'fflate';
import { messageOf } from '../util/errors.ts';
import { crc32 } from '../util/crc.ts';
import type { RangeFile } from './range.ts';
import { corrupt } from './tensor-file.ts';

export interface ZipMember {
  readonly name: string;
  readonly method: 'stored' | 'deflated';
  /** bytes in the archive and after unpacking */
  readonly packed: number;
  readonly size: number;
  readonly crc: number;
  readonly headerOffset: number;
}

export type ZipMembers = ReadonlyMap<string, ZipMember>;

const UTF8 = new TextDecoder();
const END_BYTES = 22;
const MAX_COMMENT = 65_535;
/** Bytes; a model with a million tensors stays far below. */
const MAX_DIRECTORY = 256 * 1024 * 1024;
/** Deflate cannot do better than 1032 : 1, so a larger claim is a lie. */
const MAX_RATIO = 1032;
/** Weights hardly compress: a member that is larger than both bounds is a bomb, whatever its header says. */
const SMALL_BYTES = 64 * 1024 * 1024;
const HONEST_RATIO = 32;

/** Whether the first bytes of a file are those of a ZIP archive (or of an empty one). */
export function isZip(head: Uint8Array): boolean {
  return (
    head[0] === 0x50 &&
    head[1] === 0x4b &&
    ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6))
  );
}

/**
 * The members of an archive by name.
 * @throws FrameworkError `formats/corrupt`
 */
export async function readZipDirectory(file: RangeFile): Promise<ZipMembers> {
  const { count, offset, length } = await findDirectory(file);
  if (length > MAX_DIRECTORY || offset + length > file.size || count > length / 46)
    throw corrupt(file.path, `its directory claims ${count} members in ${length} bytes at ${offset}`);
  const view = dataView(await file.read(offset, length));
  const members = new Map<string, ZipMember>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > length || view.getUint32(at, true) !== 0x02014b50)
      throw corrupt(file.path, `member ${i} of its directory is damaged`);
    const next =
      at + 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > length) throw corrupt(file.path, `member ${i} of its directory runs past the end`);
    const member = readMember(file, view, at);
    if (members.has(member.name)) throw corrupt(file.path, `it holds ${member.name} twice`);
    members.set(member.name, member);
    at = next;
  }
  return members;
}

async function findDirectory(file: RangeFile) {
  const tailLength = Math.min(file.size, END_BYTES + MAX_COMMENT + 20);
  const tailStart = file.size - tailLength;
  const tail = dataView(await file.read(tailStart, tailLength));
  let end = tailLength - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0)
    throw corrupt(file.path, 'it starts as a ZIP archive but its directory is missing: it was cut short');
  if (end >= 20 && tail.getUint32(end - 20, true) === 0x07064b50) {
    const at = number64(file, tail, end - 20 + 8);
    const record = dataView(await file.read(at, 56));
    if (record.getUint32(0, true) !== 0x06064b50) throw corrupt(file.path, 'its ZIP64 end record is damaged');
    return {
      count: number64(file, record, 32),
      length: number64(file, record, 40),
      offset: number64(file, record, 48),
    };
  }
  return {
    count: tail.getUint16(end + 10, true),
    length: tail.getUint32(end + 12, true),
    offset: tail.getUint32(end + 16, true),
  };
}

function readMember(file: RangeFile, view: DataView, at: number): ZipMember {
  const nameLength = view.getUint16(at + 28, true);
  const nameStart = view.byteOffset + at + 46;
  const name = UTF8.decode(new Uint8Array(view.buffer, nameStart, nameLength));
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  if ((flags & 1) !== 0) throw corrupt(file.path, `${name} is encrypted`, 'save it without a password');
  if (method !== 0 && method !== 8)
    throw corrupt(
      file.path,
      `${name} uses ZIP method ${method}`,
      'pack it with deflate or without compression',
    );
  const wide = wideSizes(file, view, at, nameLength);
  const member: ZipMember = {
    name,
    method: method === 0 ? 'stored' : 'deflated',
    crc: view.getUint32(at + 16, true),
    ...wide,
  };
  const impossible =
    member.headerOffset + 30 + member.packed > file.size ||
    (method === 0 ? member.size !== member.packed : member.size > (member.packed + 1) * MAX_RATIO);
  if (impossible)
    throw corrupt(
      file.path,
      `${name} claims ${member.size} bytes from ${member.packed} at ${member.headerOffset}`,
    );
  return member;
}

/** The three numbers that ZIP64 moves into an extra field when they do not fit 32 bits. */
function wideSizes(file: RangeFile, view: DataView, at: number, nameLength: number) {
  let size = view.getUint32(at + 24, true);
  let packed = view.getUint32(at + 20, true);
  let headerOffset = view.getUint32(at + 42, true);
  let field = at + 46 + nameLength;
  const fieldsEnd = field + view.getUint16(at + 30, true);
  while (field + 4 <= fieldsEnd) {
    const length = view.getUint16(field + 2, true);
    if (view.getUint16(field, true) === 1) {
      let value = field + 4;
      const take = () => {
        if (value + 8 > Math.min(fieldsEnd, field + 4 + length))
          throw corrupt(file.path, 'a ZIP64 field is cut short');
        value += 8;
        return number64(file, view, value - 8);
      };
      if (size === 0xffffffff) size = take();
      if (packed === 0xffffffff) packed = take();
      if (headerOffset === 0xffffffff) headerOffset = take();
    }
    field += 4 + length;
  }
  return { size, packed, headerOffset };
}

/**
 * A whole member, unpacked and checked against its CRC.
 * @throws FrameworkError `formats/corrupt`
 */
export async function readZipMember(file: RangeFile, member: ZipMember): Promise<Uint8Array> {
  if (member.size > Math.max(SMALL_BYTES, HONEST_RATIO * member.packed))
    throw corrupt(
      file.path,
      `${member.name} would unpack from ${member.packed} bytes to ${member.size}, which weights do not`,
      'pack it without compression if it really holds that',
    );
  const packed = await file.read(await dataOffset(file, member), member.packed);
  const bytes = member.method === 'stored' ? packed : inflate(file.path, member, packed);
  if (crc32(bytes) !== member.crc)
    throw corrupt(file.path, `${member.name} does not match its checksum: it is damaged`);
  return bytes;
}

/** At least the first `length` bytes of a member where it has as many; not checked against the CRC. */
export async function readZipStart(file: RangeFile, member: ZipMember, length: number): Promise<Uint8Array> {
  const start = await dataOffset(file, member);
  if (member.method === 'stored') return file.read(start, Math.min(length, member.packed));
  const parts: Uint8Array[] = [];
  const stream = new Inflate((part) => parts.push(part));
  // Deflate stores incompressible data with less than 1 % of overhead.
  const packed = await file.read(start, Math.min(member.packed, length + 1024));
  try {
    stream.push(packed, packed.length === member.packed);
  } catch (error) {
    throw corrupt(file.path, `${member.name} cannot be unpacked: ${messageOf(error)}`);
  }
  return Buffer.concat(parts);
}

/** Where the bytes of a member start: names and extra fields of the local header have lengths of their own. */
async function dataOffset(file: RangeFile, member: ZipMember): Promise<number> {
  const header = dataView(await file.read(member.headerOffset, 30));
  if (header.getUint32(0, true) !== 0x04034b50)
    throw corrupt(file.path, `the header of ${member.name} is damaged`);
  return member.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
}

function inflate(path: string, member: ZipMember, packed: Uint8Array): Uint8Array {
  let bytes: Uint8Array;
  try {
    // One byte more than promised shows a stream that is longer than promised.
    bytes = inflateSync(packed, { out: new Uint8Array(member.size + 1) });
  } catch (error) {
    throw corrupt(path, `${member.name} cannot be unpacked: ${messageOf(error)}`);
  }
  if (bytes.length !== member.size)
    throw corrupt(path, `${member.name} unpacks to another length than the ${member.size} bytes it claims`);
  return bytes;
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function number64(file: RangeFile, view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw corrupt(file.path, `it claims an offset of ${value} bytes`);
  return value;
}
