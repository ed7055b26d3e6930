/**
 * Files that are either wholly there or not at all. A reader never sees half a file, and a full disk or a kill
 * in the middle of a write leaves the file that was there before.
 */
import { constants, mkdirSync, statSync } from 'node:fs';
import { open, rename, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FrameworkError, messageOf } from './errors.ts';

/** What can be written: one piece, or pieces made one at a time (so a checkpoint needs no second copy in memory). */
export type FileData = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

let temporaryFiles = 0;

/** How often a folder is tried: another process may be making it, or taking it away, as claims do with theirs. */
const TRIES = 10;

/**
 * Makes a folder and those above it where they are missing. Node's own recursive mkdir tries without end where the system says that
 * a parent which is there is not, as /proc does.
 * @throws FrameworkError `file/full-disk`, `file/denied` or `file/write`, naming the path
 */
export function makeFolderNow(path: string): void {
  for (let tried = 1; ; tried++)
    try {
      makeMissing(path);
      return;
    } catch (error) {
      if (tried === TRIES || !['ENOENT', 'EEXIST'].includes(codeOf(error)))
        throw errorOf(`make the folder ${path}`, error);
    }
}

/** The same, as a promise. */
export async function makeFolder(path: string): Promise<void> {
  makeFolderNow(path);
}

function makeMissing(path: string): void {
  if (hasFolder(path)) return;
  if (dirname(path) !== path) makeMissing(dirname(path));
  mkdirSync(path);
}

/** Whatever hides a folder, making it says why. */
function hasFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Writes `data` to a temporary name in the folder of `path`, syncs it, renames it over `path`, syncs the folder.
 * Missing folders are made. On any failure the old file is untouched and the temporary one is removed.
 * @throws FrameworkError `file/full-disk`, `file/denied` or `file/write`, naming the path
 * @example await writeFileAtomic('runs/a/recipe.yaml', text)
 */
export async function writeFileAtomic(path: string, data: FileData): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${temporaryFiles++}.tmp`);
  try {
    await makeFolder(folder);
    const handle = await open(temporary, 'wx');
    try {
      for await (const piece of piecesOf(data)) await writeAll(handle, piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // The failure being reported is the write's; the temporary file may never have come to be.
    await unlink(temporary).catch(() => undefined);
    throw writeError(path, error);
  }
  await syncFolder(folder);
}

/**
 * Appends one record as one line of JSON.
 * @throws FrameworkError as `writeFileAtomic`
 */
export async function appendJsonLine(path: string, record: unknown): Promise<void> {
  try {
    await makeFolder(dirname(path));
    const handle = await open(path, 'a');
    try {
      await writeAll(handle, Buffer.from(`${JSON.stringify(record)}\n`));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw writeError(path, error);
  }
}

/**
 * The value in a JSON file; the caller checks its shape.
 * @throws FrameworkError `file/missing`, `file/read` or `file/not-json`, naming the path and the place
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const found =
      text.trim() === '' ? 'the file is empty' : `${messageOf(error)}; it starts with ${excerpt(text)}`;
    throw new FrameworkError('file/not-json', `${path} should hold JSON: ${found}`, {
      hint: 'restore the file from a copy, or delete it and make it again',
      cause: error,
    });
  }
}

/** Bytes; more is no recipe, sweep or record. */
const LARGEST_TEXT = 2 ** 26;

/** The text of a UTF-8 file, or what a pipe gives. @throws FrameworkError `file/missing`, `file/too-large` or `file/read` */
export async function readText(path: string, most = LARGEST_TEXT): Promise<string> {
  return (await readFrom((at) => open(at, 'r'), path, most)).toString('utf8');
}

/** The bytes of a regular file, where it has at most `most`; never more is read, whatever the system says of its size. */
export async function readBytes(path: string, most: number): Promise<Buffer> {
  return readFrom(openRegular, path, most);
}

/** Opens a regular file for reading. To open a pipe that nobody writes to would take for ever. */
export async function openRegular(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const info = await handle.stat();
  if (info.isFile()) return handle;
  await handle.close();
  throw Object.assign(new Error('it is no regular file'), { code: info.isDirectory() ? 'EISDIR' : 'EINVAL' });
}

/** Whether an error of {@link readError} says that there is something else than a file. */
export function isNoFile({ cause }: FrameworkError): boolean {
  return ['EISDIR', 'ENOTDIR', 'ELOOP', 'EINVAL'].includes(codeOf(cause));
}

async function readFrom(
  opened: (path: string) => Promise<FileHandle>,
  path: string,
  most: number,
): Promise<Buffer> {
  try {
    const handle = await opened(path);
    try {
      return await readUpTo(handle, path, most);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw readError(path, error);
  }
}

/** A pipe or a device says that its size is 0. */
async function readUpTo(handle: FileHandle, path: string, most: number): Promise<Buffer> {
  const { size } = await handle.stat();
  let bytes = Buffer.allocUnsafe(Math.min(size, most) + 1);
  for (let length = 0; ;) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
    if (bytesRead === 0) return bytes.subarray(0, length);
    length += bytesRead;
    if (length > most)
      throw new FrameworkError('file/too-large', `${path} has more than ${most} bytes`, {
        hint: 'check the path: a small file was expected there',
      });
    if (length === bytes.length)
      bytes = Buffer.concat([bytes, Buffer.allocUnsafe(Math.min(most + 1, 2 * length + 65536) - length)]);
  }
}

/**
 * What `look` finds at a path, or undefined where the system says that nothing is there. No other error is taken for absence.
 * @throws FrameworkError `file/read`
 * @example const names = await ifThere(folder, (path) => readdir(path));
 */
export async function ifThere<T>(path: string, look: (path: string) => Promise<T>): Promise<T | undefined> {
  try {
    return await look(path);
  } catch (error) {
    return absentOr(path, error);
  }
}

/** The same at once. */
export function ifThereSync<T>(path: string, look: (path: string) => T): T | undefined {
  try {
    return look(path);
  } catch (error) {
    return absentOr(path, error);
  }
}

function absentOr(path: string, error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw readError(path, error);
}

/** Whether there is something at a path. */
export async function exists(path: string): Promise<boolean> {
  return (await ifThere(path, (at) => stat(at))) !== undefined;
}

/** The same at once. */
export function existsNow(path: string): boolean {
  return ifThereSync(path, (at) => statSync(at)) !== undefined;
}

/** Whether there is a folder at a path, and not a file or nothing. */
export async function isFolder(path: string): Promise<boolean> {
  return (await ifThere(path, (at) => stat(at)))?.isDirectory() ?? false;
}

/** The first characters of a text or file, quoted, for error messages. */
export function excerpt(text: string, length = 40): string {
  return JSON.stringify(text.length > length ? `${text.slice(0, length)}…` : text);
}

/** A failed read or open as an error that says which file and why. */
export function readError(path: string, error: unknown): FrameworkError {
  if (error instanceof FrameworkError) return error;
  switch (codeOf(error)) {
    case 'ENOENT':
      return new FrameworkError('file/missing', `there is no file ${path}`, {
        hint: 'check the path; relative paths are taken from the current folder',
        cause: error,
      });
    case 'EISDIR':
      return new FrameworkError('file/read', `${path} is a folder, a file was asked for`, { cause: error });
    default:
      return new FrameworkError('file/read', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** A failed write as an error that says which file and why. */
export function writeError(path: string, error: unknown): FrameworkError {
  return errorOf(`write ${path}`, error);
}

/** @param act what failed, in words */
function errorOf(act: string, error: unknown): FrameworkError {
  if (error instanceof FrameworkError) return error;
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new FrameworkError('file/full-disk', `cannot ${act}: no space is left on its disk`, {
        hint: 'free some space or choose another folder; an older file of that name is unchanged',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new FrameworkError('file/denied', `cannot ${act}: ${messageOf(error)}`, {
        hint: 'choose a folder you may write to',
        cause: error,
      });
    default:
      return new FrameworkError('file/write', `cannot ${act}: ${messageOf(error)}`, {
        hint: 'see what stands in the way there, or choose another path',
        cause: error,
      });
  }
}

/** The system's name of an error (`ENOSPC`), or nothing. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function piecesOf(data: FileData): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof data === 'string') return [Buffer.from(data)];
  return data instanceof Uint8Array ? [data] : data;
}

/** `write` may take less than it was given, and takes at most 2 GiB at once. */
async function writeAll(handle: FileHandle, piece: Uint8Array): Promise<void> {
  const most = 1 << 30;
  for (let done = 0; done < piece.byteLength;) {
    const { bytesWritten } = await handle.write(piece, done, Math.min(most, piece.byteLength - done));
    done += bytesWritten;
  }
}

/** Makes the rename itself durable. Windows cannot open a folder and does not need it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
