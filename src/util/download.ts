/** Files from the web: whole, checked, and resumable where a connection breaks. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameworkError, messageOf } from './errors.ts';
import { ifThere } from './files.ts';

export interface DownloadOptions {
  /** Tries after a broken connection, each going on where the last one ended; default 3. */
  readonly attempts?: number | undefined;
  /** Wait before the second try in milliseconds, doubled for each further one; default 1000. */
  readonly waitMs?: number | undefined;
  readonly onProgress?: ((bytes: number, total: number | undefined) => void) | undefined;
}

/** What a file must be. */
export interface Checksum {
  readonly algorithm: 'md5' | 'sha256';
  /** In hexadecimal: the whole checksum, or as many of its first digits as its makers publish. */
  readonly digits: string;
}

export interface Wanted {
  readonly url: string;
  /** Undefined: nobody says what the file must be. */
  readonly checksum: Checksum | undefined;
  /** First part of the errors' codes: `data`, `checkpoint`. */
  readonly area: string;
  /** What to do where the server refuses. */
  readonly otherwise: string;
}

/**
 * Downloads to `path`, by way of `<path>.part`, where an earlier try may have left a beginning.
 * @throws FrameworkError `<area>/fetch` (address, status or connection), `<area>/checksum`
 */
export async function download(wanted: Wanted, path: string, options: DownloadOptions = {}): Promise<void> {
  const partial = `${path}.part`;
  await downloadWithRetries(wanted, partial, options);
  await rm(versionFile(partial), { force: true });
  await requireChecksum(wanted, partial);
  await rename(partial, path);
}

/** Where it is kept which version of a file the part is of: an ETag, or a date. */
function versionFile(partial: string): string {
  return `${partial}.version`;
}

/** What an `If-Range` may name: a strong ETag, or when the file was changed. */
function versionOf({ headers }: Response): string | undefined {
  const tag = headers.get('etag');
  return (tag?.startsWith('"') === true ? tag : headers.get('last-modified')) ?? undefined;
}

/** Bytes of a file; undefined where there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return (await ifThere(path, (at) => stat(at)))?.size;
}

/** An address of the web below `base`. @throws FrameworkError `<area>/fetch` unless it is one */
export function addressBelow(base: string, name: string, area: string, example: string): string {
  const folder = base.endsWith('/') ? base : `${base}/`;
  const url = URL.canParse(name, folder) ? new URL(name, folder) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url.href;
  throw new FrameworkError(
    `${area}/fetch`,
    `${JSON.stringify(base)} is no address that can be fetched from`,
    {
      hint: `give one that begins with https:// or http://, as ${example}`,
    },
  );
}

async function downloadWithRetries(wanted: Wanted, partial: string, options: DownloadOptions): Promise<void> {
  const { attempts = 3, waitMs = 1000 } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      await downloadRest(wanted, partial, options);
      return;
    } catch (error) {
      if (error instanceof FrameworkError) throw error;
      if (attempt >= attempts)
        throw new FrameworkError(
          `${wanted.area}/fetch`,
          `${wanted.url}: the connection broke ${attempts} times; ${(await sizeOf(partial)) ?? 0} bytes are here: ${reason(error)}`,
          {
            hint: `run the same command again: it goes on where it ended; or ${wanted.otherwise}`,
            cause: error,
          },
        );
      await sleep(waitMs * 2 ** (attempt - 1));
    }
  }
}

/** Appends what is missing to `partial`; starts over where the server does not send parts. */
async function downloadRest(
  { url, checksum, area, otherwise }: Wanted,
  partial: string,
  { onProgress }: DownloadOptions,
): Promise<void> {
  const version = await ifThere(versionFile(partial), (at) => readFile(at, 'utf8'));
  // Without a checksum nobody would see that the beginning is of another version than the rest.
  const goesOn = version !== undefined || checksum !== undefined;
  let have = goesOn ? ((await sizeOf(partial)) ?? 0) : 0;
  const range = { Range: `bytes=${have}-`, ...(version !== undefined && { 'If-Range': version }) };
  const response = await fetch(url, have > 0 ? { headers: range } : {});
  if (response.status === 416 && have > 0) {
    // The part is as long as the file, or it is a part of something else.
    await response.body?.cancel();
    if (await isWhole(partial, have, checksum, response.headers.get('content-range'))) return;
    await rm(partial);
    throw new Error(`the server has nothing after the ${have} bytes that were here, which are not the file`);
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const fault = `${url}: the server answered ${response.status} ${response.statusText}`;
    if (response.status >= 500) throw new Error(fault); // it may recover: worth another try
    throw new FrameworkError(`${area}/fetch`, fault, { hint: otherwise });
  }
  if (response.headers.get('content-type')?.startsWith('text/html') === true) {
    await response.body.cancel();
    throw new FrameworkError(`${area}/fetch`, `${url}: the server sent a page in place of the file`, {
      hint: otherwise,
    });
  }
  const resumes =
    response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${have}-`);
  const now = versionOf(response);
  if (resumes && version !== undefined && now !== undefined && now !== version) {
    await response.body.cancel();
    await rm(partial);
    throw new Error('the file on the server is another one than before');
  }
  if (!resumes) {
    have = 0;
    // In this order no crash leaves a part beside another's version.
    for (const old of [partial, versionFile(partial)]) await rm(old, { force: true });
    if (now !== undefined) await writeFile(versionFile(partial), now);
  }
  const rest = Number(response.headers.get('content-length') ?? NaN);
  const total = Number.isFinite(rest) ? have + rest : undefined;
  const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
  body.on('data', (chunk: Uint8Array) => onProgress?.((have += chunk.length), total));
  await pipeline(body, createWriteStream(partial, { flags: resumes ? 'a' : 'w' }));
}

/** By its checksum, or by the length that a refused range names (`bytes *` + `/4000`) where there is none. */
async function isWhole(
  partial: string,
  have: number,
  checksum: Checksum | undefined,
  range: string | null,
): Promise<boolean> {
  if (checksum !== undefined)
    return (await hashFile(partial, checksum.algorithm)).startsWith(checksum.digits);
  return Number(/^bytes \*\/(\d+)$/.exec(range ?? '')?.[1] ?? NaN) === have;
}

/** The checksum of a file in hexadecimal. */
async function hashFile(path: string, algorithm: Checksum['algorithm']): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Deletes a file that is not the one that was wanted. @throws FrameworkError `<area>/checksum` */
export async function requireChecksum({ checksum, url, area }: Wanted, path: string): Promise<void> {
  if (checksum === undefined) return;
  const { algorithm, digits } = checksum;
  const found = await hashFile(path, algorithm);
  if (found.startsWith(digits)) return;
  const bytes = await sizeOf(path);
  await rm(path);
  throw new FrameworkError(
    `${area}/checksum`,
    `${url}: the ${bytes} bytes that came have ${algorithm} ${found} instead of ${digits}${digits.length < found.length ? '…' : ''}; they were deleted`,
    { hint: 'fetch again; if it happens twice, the server sends something else' },
  );
}

/** undici says "fetch failed" and keeps the reason in the cause. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)} (${messageOf(cause)})`;
}
