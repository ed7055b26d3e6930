/** Published weights, fetched when they are first used, into `<cache>/weights/<name>/<file>`. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../util/cache-folder.ts';
import { openSets } from '../../formats/open.ts';
import { claimSoon } from '../../util/claim.ts';
import { addressBelow, download, sizeOf, type DownloadOptions } from '../../util/download.ts';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { makeFolder } from '../../util/files.ts';
import { weightsMirror } from '../../util/mirror.ts';
import { digestOf, readSealedIfThere, sealedKind, writeSealed } from '../../util/sealed.ts';
import { makeReporter, withSigns } from '../log/reporter.ts';
import type { PublishedWeights } from './published/record.ts';

export interface PretrainedOptions extends DownloadOptions {
  /** Folder of the cache; default the user's. */
  readonly cache?: string | undefined;
  /** Address of a mirror, which has the files as the cache does; default the one that was set, else the makers'. */
  readonly mirror?: string | undefined;
}

/** `fetched.json`: a file as it was when it came. */
interface Fetched {
  readonly address: string;
  readonly bytes: number;
  readonly sha256: string;
}

const FETCHED = sealedKind<Fetched>(
  'fetched weights',
  1,
  'Delete it: the weights beside it are then checked anew.',
);
/** Seconds to wait for another process that fetches the same file. */
const PATIENCE = 24 * 3600;

/** Where the file of published weights lies once it was fetched. */
export function cachedPath({ name, file }: PublishedWeights, cache = cacheFolder()): string {
  return join(cache, 'weights', name, file);
}

/** What is known of a fetched file; undefined where it was not fetched yet. */
export async function fetchedAs(weights: PublishedWeights, cache?: string): Promise<Fetched | undefined> {
  const path = cachedPath(weights, cache);
  return (await sizeOf(path)) === undefined ? undefined : readSealedIfThere(recordOf(path), FETCHED);
}

/**
 * The file of published weights, fetched if it is not there; every byte of it is verified each time.
 * @throws FrameworkError `checkpoint/fetch`, `checkpoint/checksum`, `checkpoint/damaged`
 * @example const path = await pretrainedFile(PUBLISHED[0]);
 */
export async function pretrainedFile(
  weights: PublishedWeights,
  options: PretrainedOptions = {},
): Promise<string> {
  const path = cachedPath(weights, options.cache);
  if (await isAsFetched(weights, path)) return path;
  await makeFolder(join(path, '..'));
  const claim = await claimSoon(join(path, '..', 'claim.json'), 'fetching weights', PATIENCE);
  try {
    if (!(await isAsFetched(weights, path))) await take(weights, path, options);
  } finally {
    await claim.release();
  }
  return path;
}

/** @throws FrameworkError `checkpoint/damaged` where the file is there and has changed since it came */
async function isAsFetched(weights: PublishedWeights, path: string): Promise<boolean> {
  const bytes = await sizeOf(path);
  const record = bytes === undefined ? undefined : await readSealedIfThere(recordOf(path), FETCHED);
  if (bytes === undefined || record === undefined) return false;
  const sha256 = bytes === record.bytes ? (await digestOf(path)).sha256 : undefined;
  if (sha256 === record.sha256) return true;
  throw new FrameworkError(
    'checkpoint/damaged',
    `${path}: ${sha256 === undefined ? `the file has ${bytes} bytes` : `its SHA-256 is ${sha256}`}; when ${weights.name} was fetched, ${sha256 === undefined ? `it had ${record.bytes}` : `it was ${record.sha256}`}.`,
    { hint: 'Delete the file: the same command fetches it again.' },
  );
}

/** Fetches the file, or takes the one that was put there by hand, and records what it is. */
async function take(weights: PublishedWeights, path: string, options: PretrainedOptions): Promise<void> {
  const mirror = options.mirror ?? weightsMirror();
  const { name, file, sha256: digits } = weights;
  const example = 'https://example.org/weights/';
  const url =
    mirror === undefined ? weights.address : addressBelow(mirror, `${name}/${file}`, 'checkpoint', example);
  const isThere = (await sizeOf(path)) !== undefined;
  if (!isThere) {
    const checksum = digits === undefined ? undefined : ({ algorithm: 'sha256', digits } as const);
    const otherwise = `fetch ${file} by hand and put it at ${path}, or name a mirror (docs/weights.md).`;
    await withProgress(name, options, (onProgress) =>
      download({ url, checksum, area: 'checkpoint', otherwise }, path, { ...options, onProgress }),
    );
  }
  const { bytes, sha256 } = await digestOf(path);
  if (digits !== undefined && !sha256.startsWith(digits))
    throw new FrameworkError(
      'checkpoint/checksum',
      `${path} is not ${name}: its SHA-256 is ${sha256}, that of the published file begins with ${digits}.`,
      { hint: 'Delete or move it: the same command then fetches the published file.' },
    );
  await requireWeights(path, isThere ? undefined : url);
  await writeSealed(recordOf(path), FETCHED, { address: url, bytes, sha256 });
}

/** A server may answer with anything. @param from where it was fetched just now: what is no file of weights is deleted then */
async function requireWeights(path: string, from: string | undefined): Promise<void> {
  try {
    await (await openSets(path)).close();
  } catch (error) {
    if (from === undefined) throw error;
    await rm(path);
    throw new FrameworkError(
      'checkpoint/fetch',
      `What came from ${from} is no file of weights: ${messageOf(error)}`,
      { hint: 'Try the address in a browser, or name a mirror (docs/weights.md).', cause: error },
    );
  }
}

function recordOf(path: string): string {
  return join(path, '..', 'fetched.json');
}

async function withProgress(
  name: string,
  { onProgress }: PretrainedOptions,
  work: (onProgress: NonNullable<DownloadOptions['onProgress']>) => Promise<void>,
): Promise<void> {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  let have = 'connecting';
  const reporter = makeReporter(process.stderr.isTTY ? 'terminal' : 'lines');
  await withSigns(
    reporter,
    () => `fetching ${name}: ${have}`,
    () =>
      work((bytes, total) => {
        have = `${megabytes(bytes)}${total === undefined ? '' : ` of ${megabytes(total)}`}`;
        onProgress?.(bytes, total);
      }),
  );
}
