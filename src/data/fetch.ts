/** Downloads the data sets whose makers offer them freely: checked, resumable, unpacked. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { ArchiveFiles, fileStamp } from './readers/archive-files.ts';
import { indexTar } from './readers/tar.ts';
import { FrameworkError, messageOf, nearest } from '../util/errors.ts';
import { ifThere, makeFolder, writeFileAtomic } from '../util/files.ts';

/** A `.tar.gz` and the files in it that are wanted. */
export interface Download {
  /** Name of the archive below the base address. */
  readonly archive: string;
  readonly md5: string;
  /** Folder in the archive and on disk. */
  readonly folder: string;
  /** Files and their sizes in bytes. */
  readonly files: Readonly<Record<string, number>>;
}

const TORONTO = 'https://www.cs.toronto.edu/~kriz/';

export const DOWNLOADS: Readonly<Record<string, Download>> = {
  cifar10: {
    archive: 'cifar-10-binary.tar.gz',
    md5: 'c32a1d4ab5d03f1284b67883e8d87530',
    folder: 'cifar-10-batches-bin',
    files: Object.fromEntries(
      ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'].map((name) => [
        `${name}.bin`,
        10_000 * 3073,
      ]),
    ),
  },
  cifar100: {
    archive: 'cifar-100-binary.tar.gz',
    md5: '03b5dce01913d631647c71ecec9e9cb8',
    folder: 'cifar-100-binary',
    files: { 'train.bin': 50_000 * 3074, 'test.bin': 10_000 * 3074 },
  },
};

export interface FetchOptions {
  /** Address the archive's name is appended to, for a mirror; default the makers' own. */
  readonly baseUrl?: string;
  /** Tries after a broken connection, each going on where the last one ended; default 3. */
  readonly attempts?: number;
  /** Wait before the second try in milliseconds, doubled for each further one; default 1000. */
  readonly waitMs?: number;
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
}

/**
 * Puts a data set into `<root>/<its folder>` and returns that folder; does nothing if it is there.
 * @throws FrameworkError `data/unknown-dataset`, `data/fetch` (address, status or connection), `data/checksum`
 */
export async function fetchDataset(name: string, root: string, options: FetchOptions = {}): Promise<string> {
  const download = Object.hasOwn(DOWNLOADS, name) ? DOWNLOADS[name] : undefined;
  if (download === undefined) {
    const names = Object.keys(DOWNLOADS);
    throw new FrameworkError('data/unknown-dataset', `"${name}" cannot be fetched`, {
      hint: `did you mean ${nearest(name, names) ?? names.join(' or ')}? ImageNet must be asked for at image-net.org`,
    });
  }
  return fetchArchive(download, root, options);
}

/** {@link fetchDataset} for any archive. */
export async function fetchArchive(download: Download, root: string, options: FetchOptions = {}): Promise<string> {
  const folder = join(root, download.folder);
  if (await isComplete(folder, download)) return folder;
  const url = addressOf(download.archive, options.baseUrl ?? TORONTO);
  await makeFolder(root);
  const archive = join(root, download.archive);
  if ((await sizeOf(archive)) === undefined) {
    const partial = `${archive}.part`;
    await downloadWithRetries(url, partial, download.md5, options);
    await checkMd5(partial, download.md5, url);
    await rename(partial, archive);
  } else await checkMd5(archive, download.md5, url); // left by a run that ended while unpacking
  await unpack(archive, folder, download);
  await rm(archive);
  return folder;
}

/** @throws FrameworkError `data/fetch` unless it is an address of the web */
function addressOf(archive: string, base: string): string {
  const folder = base.endsWith('/') ? base : `${base}/`;
  const url = URL.canParse(archive, folder) ? new URL(archive, folder) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url.href;
  throw new FrameworkError('data/fetch', `${JSON.stringify(base)} is no address that can be fetched from`, {
    hint: `give one that begins with https:// or http://, as ${TORONTO}`,
  });
}

async function isComplete(folder: string, { files }: Download): Promise<boolean> {
  for (const [name, bytes] of Object.entries(files))
    if ((await sizeOf(join(folder, name))) !== bytes) return false;
  return true;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await ifThere(path, (at) => stat(at)))?.size;
}

async function downloadWithRetries(
  url: string,
  partial: string,
  md5: string,
  options: FetchOptions,
): Promise<void> {
  const { attempts = 3, waitMs = 1000 } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      await downloadRest(url, partial, md5, options);
      return;
    } catch (error) {
      if (error instanceof FrameworkError) throw error;
      if (attempt >= attempts)
        throw new FrameworkError(
          'data/fetch',
          `${url}: the connection broke ${attempts} times; ${(await sizeOf(partial)) ?? 0} bytes are here: ${reason(error)}`,
          { hint: 'run the same command again: it goes on where it ended', cause: error },
        );
      await sleep(waitMs * 2 ** (attempt - 1));
    }
  }
}

/** Appends what is missing to `partial`; starts over where the server does not send parts. */
async function downloadRest(
  url: string,
  partial: string,
  md5: string,
  { onProgress }: FetchOptions,
): Promise<void> {
  let have = (await sizeOf(partial)) ?? 0;
  const response = await fetch(url, have > 0 ? { headers: { Range: `bytes=${have}-` } } : {});
  if (response.status === 416 && have > 0) {
    // The part is as long as the file, or it is a part of something else: its checksum tells which.
    await response.body?.cancel();
    if ((await md5Of(partial)) === md5) return;
    await rm(partial);
    throw new Error(`the server has nothing after the ${have} bytes that were here, which are not the file`);
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const fault = `${url}: the server answered ${response.status} ${response.statusText}`;
    if (response.status >= 500) throw new Error(fault); // it may recover: worth another try
    throw new FrameworkError('data/fetch', fault, {
      hint: 'fetch the archive by hand and unpack it into the data folder, or name a mirror',
    });
  }
  const resumes = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${have}-`);
  if (!resumes) have = 0;
  const rest = Number(response.headers.get('content-length') ?? NaN);
  const total = Number.isFinite(rest) ? have + rest : undefined;
  const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
  body.on('data', (chunk: Uint8Array) => onProgress?.((have += chunk.length), total));
  await pipeline(body, createWriteStream(partial, { flags: resumes ? 'a' : 'w' }));
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function checkMd5(path: string, expected: string, url: string): Promise<void> {
  const found = await md5Of(path);
  if (found === expected) return;
  const bytes = await sizeOf(path);
  await rm(path);
  throw new FrameworkError(
    'data/checksum',
    `${url}: the ${bytes} bytes that came have md5 ${found} instead of ${expected}; they were deleted`,
    { hint: 'fetch again; if it happens twice, the server sends something else' },
  );
}

/** Writes the wanted files, each complete or not at all. Names come from `download`, never from the archive. */
async function unpack(archive: string, folder: string, download: Download): Promise<void> {
  const tar = `${archive}.unpacked`;
  const files = new ArchiveFiles();
  try {
    await pipeline(createReadStream(archive), createGunzip(), createWriteStream(tar));
    const { size } = await fileStamp(tar);
    const { entries } = await indexTar((offset, length) => files.read(tar, offset, length), archive, 0, size);
    for (const [name, bytes] of Object.entries(download.files)) {
      const entry = entries.find((candidate) => candidate.name === `${download.folder}/${name}`);
      if (entry?.size !== bytes)
        throw new FrameworkError(
          'data/corrupt',
          `${archive}: ${name} has ${entry === undefined ? 'no entry' : `${entry.size} bytes`}, expected ${bytes} bytes`,
        );
      await writeFileAtomic(join(folder, name), await files.read(tar, entry.offset, entry.size));
    }
  } finally {
    await files.close();
    await rm(tar, { force: true });
  }
}

/** undici says "fetch failed" and keeps the reason in the cause. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)} (${messageOf(cause)})`;
}
