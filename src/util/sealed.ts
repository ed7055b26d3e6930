/**
 * Files that are read back and trusted. The first line of a sealed file is its seal: its kind, its version, and the SHA-256 of both and
 * of every byte that follows. A damaged or changed file is refused.
 *
 *     {"seal":{"kind":"run summary","version":1,"sha256":"…"},      a JSON object goes on here: any JSON reader reads the file
 *     {"seal":{"kind":"tar index","version":1,"sha256":"…"}}        any bytes follow
 *     # {"seal":{"kind":"run recipe","version":1,"sha256":"…"}}     YAML follows
 *
 * Logs grow line by line, so each of their lines ends with a checksum (`sealedLine`).
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { FrameworkError, messageOf } from './errors.ts';
import { readBytes, readError, writeFileAtomic, type FileData } from './files.ts';

/**
 * One kind of sealed file. `T` is what its JSON holds: a seal that fits was made by `writeSealed` with the same type, as long as
 * `version` is raised whenever the type changes.
 */
export interface SealedKind<T extends object> {
  readonly kind: string;
  readonly version: number;
  /** What to do when a file cannot be trusted; ends the message. */
  readonly otherwise: string;
  /** Never there: carries the type. */
  readonly holds?: T;
}

/** @example const SUMMARY = sealedKind<Summary>('run summary', 1, 'Delete it; training that goes on writes it anew.') */
export function sealedKind<T extends object>(
  kind: string,
  version: number,
  otherwise: string,
): SealedKind<T> {
  return { kind, version, otherwise };
}

/** Bytes; what is read whole. The index of all of ImageNet takes 100 MB. */
const LARGEST = 2 ** 29;
const SEAL = /^(# )?\{"seal":\{"kind":"([\w -]+)","version":(\d{1,9}),"sha256":"([0-9a-f]{64})"\}(,|\}|)$/;

/** Writes an object as JSON with its seal, one key per line. Atomic. @throws FrameworkError as `writeFileAtomic` */
export async function writeSealed<T extends object>(
  path: string,
  kind: SealedKind<T>,
  content: T,
): Promise<void> {
  await writeFileAtomic(path, sealedText(kind, content));
}

/** The text `writeSealed` writes. */
export function sealedText<T extends object>(kind: SealedKind<T>, content: T): string {
  // The object's `{` stands on the seal's line.
  const body = JSON.stringify(content, null, 1).slice(1).replace(/^\n/, '');
  const { start } = sealOf(kind, Buffer.from(body));
  return `${start}${body === '}' ? '' : ','}\n${body}`;
}

/**
 * The object in a file that `writeSealed` wrote.
 * @throws FrameworkError `file/missing` where there is none (and only then), `file/damaged` where one byte is not as it was written,
 *   `file/unsealed`, `file/other-kind`, `file/other-version`, and `file/read` where the system says so
 * @example const summary = await readSealed(folder.summary, SUMMARY);
 */
export async function readSealed<T extends object>(path: string, kind: SealedKind<T>): Promise<T> {
  return unsealed(await readBytes(path, LARGEST), path, kind);
}

/** As `readSealed`; undefined where there is no such file. */
export async function readSealedIfThere<T extends object>(
  path: string,
  kind: SealedKind<T>,
): Promise<T | undefined> {
  return ifThere(readSealed(path, kind));
}

/** The object in the text of a sealed file. @param path names the file in errors */
export function unsealed<T extends object>(text: string | Uint8Array, path: string, kind: SealedKind<T>): T {
  const { body, end } = open(Buffer.from(text), path, kind);
  if (end === '}') throw damaged(path, kind, 'it holds no JSON');
  try {
    return JSON.parse(`{${body.toString('utf8')}`) as T;
  } catch (error) {
    throw damaged(path, kind, messageOf(error), error); // only if it was sealed by something else
  }
}

/** Writes bytes or text below a line with their seal. @param comment the line is a comment, as in YAML */
export async function writeSealedBytes(
  path: string,
  kind: SealedKind<Uint8Array>,
  bytes: string | Uint8Array,
  { comment = false } = {},
): Promise<void> {
  const body = Buffer.from(bytes);
  const { start } = sealOf(kind, body);
  await writeFileAtomic(path, [Buffer.from(`${comment ? '# ' : ''}${start}}\n`), body]);
}

/** What `writeSealedBytes` wrote, without the seal. @throws FrameworkError as `readSealed` */
export async function readSealedBytes(path: string, kind: SealedKind<Uint8Array>): Promise<Buffer> {
  return unsealedBytes(await readBytes(path, LARGEST), path, kind);
}

/** The bytes in a sealed file that was read. @param path names the file in errors */
export function unsealedBytes(file: Buffer, path: string, kind: SealedKind<Uint8Array>): Buffer {
  return open(file, path, kind).body;
}

/** The value of a promise; undefined where it fails because there is no such file, and only then. */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof FrameworkError && error.code === 'file/missing') return undefined;
    throw error;
  }
}

/** Whether a text begins with a seal, whole or not. */
export function isSealed(text: string): boolean {
  return /^(# )?\{"seal":/.test(text);
}

function sealOf({ kind, version }: SealedKind<object>, body: Uint8Array): { sha256: string; start: string } {
  const sha256 = createHash('sha256').update(`${kind}\n${version}\n`).update(body).digest('hex');
  return { sha256, start: `{"seal":${JSON.stringify({ kind, version, sha256 })}` };
}

function open(bytes: Buffer, path: string, expected: SealedKind<object>): { body: Buffer; end: string } {
  const lineEnd = bytes.subarray(0, 512).indexOf(10);
  const line = bytes.subarray(0, Math.max(0, lineEnd)).toString('utf8');
  const seal = SEAL.exec(line);
  if (seal === null) {
    if (isSealed(line) || bytes.length === 0)
      throw damaged(path, expected, bytes.length === 0 ? 'it is empty' : 'its seal cannot be read');
    throw new FrameworkError(
      'file/unsealed',
      `${path} has no checksum: it is no ${expected.kind} of largekernel, or an earlier version wrote it.`,
      { hint: expected.otherwise },
    );
  }
  const [, , kind = '', digits = '', sha256, end = ''] = seal;
  const version = Number(digits);
  const body = bytes.subarray(lineEnd + 1);
  if (sealOf({ kind, version, otherwise: '' }, body).sha256 !== sha256)
    throw damaged(path, expected, 'its content does not fit its checksum');
  if (kind !== expected.kind)
    throw new FrameworkError('file/other-kind', `${path} is a ${kind}; a ${expected.kind} was expected.`, {
      hint: expected.otherwise,
    });
  if (version !== expected.version)
    throw new FrameworkError(
      'file/other-version',
      `${path} has version ${version} of its form; this largekernel reads version ${expected.version}.`,
      { hint: version > expected.version ? 'Use the largekernel that wrote it.' : expected.otherwise },
    );
  return { body, end };
}

function damaged(
  path: string,
  { kind, otherwise }: SealedKind<object>,
  found: string,
  cause?: unknown,
): FrameworkError {
  return new FrameworkError(
    'file/damaged',
    `${path} (${kind}) was damaged or changed since it was written: ${found}.`,
    { hint: otherwise, cause },
  );
}

/**
 * One record of a log as a line of JSON (without the line's end). It closes with a checksum over what stands before and over the
 * checksum of the line above, so that a line that is changed, left out or moved is noticed.
 * @param above the line above; empty for the first
 */
export function sealedLine(record: object, above: string): string {
  const body = JSON.stringify(record).slice(0, -1);
  return `${body},"check":"${checkOf(body, above)}"}`;
}

/** The record in a line of `sealedLine`; undefined where one byte of it is not as it was written, or another line stood above it. */
export function unsealedLine(line: string, above: string): object | undefined {
  const [, body = '', check] = LINE.exec(line) ?? [];
  return body !== '' && checkOf(body, above) === check ? (JSON.parse(`${body}}`) as object) : undefined;
}

const LINE = /^(\{.+),"check":"([0-9a-f]{16})"\}$/;

function checkOf(body: string, above: string): string {
  const [, , before = ''] = LINE.exec(above) ?? [];
  return createHash('sha256').update(before).update(body).digest('hex').slice(0, 16);
}

/** Size and SHA-256 of a file that has no room for a seal, kept beside it. */
export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** Passes a file's pieces on and takes their digest on the way; hashing (1.6 GB/s) hides behind the disk. */
export function digesting(data: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): {
  readonly pieces: FileData;
  readonly digest: () => FileDigest;
} {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* pieces() {
    for await (const piece of data) {
      hash.update(piece);
      bytes += piece.byteLength;
      yield piece;
    }
  }
  return { pieces: pieces(), digest: () => ({ bytes, sha256: hash.digest('hex') }) };
}

/** The digest of a file on disk. @throws FrameworkError `file/missing` or `file/read` */
export async function digestOf(path: string): Promise<FileDigest> {
  const hash: Hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 23 }) as AsyncIterable<Buffer>) {
      hash.update(piece);
      bytes += piece.byteLength;
    }
  } catch (error) {
    throw readError(path, error);
  }
  return { bytes, sha256: hash.digest('hex') };
}
