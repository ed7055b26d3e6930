/** Downloads the data sets whose makers offer them freely: checked, resumable, unpacked. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { ArchiveFiles, fileStamp } from './readers/archive-files.ts';
import { indexTar } from './readers/tar.ts';
import { addressBelow, download, requireChecksum, sizeOf, type DownloadOptions } from '../util/download.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import { makeFolder, writeFileAtomic } from '../util/files.ts';

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

export interface FetchOptions extends DownloadOptions {
  /** Address the archive's name is appended to, for a mirror; default the makers' own. */
  readonly baseUrl?: string;
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
export async function fetchArchive(archive: Download, root: string, options: FetchOptions = {}): Promise<string> {
  const folder = join(root, archive.folder);
  if (await isComplete(folder, archive)) return folder;
  const wanted = {
    url: addressBelow(options.baseUrl ?? TORONTO, archive.archive, 'data', TORONTO),
    checksum: { algorithm: 'md5', digits: archive.md5 },
    area: 'data',
    otherwise: 'fetch the archive by hand and unpack it into the data folder, or name a mirror',
  } as const;
  await makeFolder(root);
  const path = join(root, archive.archive);
  if ((await sizeOf(path)) === undefined) await download(wanted, path, options);
  else await requireChecksum(wanted, path); // left by a run that ended while unpacking
  await unpack(path, folder, archive);
  await rm(path);
  return folder;
}

async function isComplete(folder: string, { files }: Download): Promise<boolean> {
  for (const [name, bytes] of Object.entries(files))
    if ((await sizeOf(join(folder, name))) !== bytes) return false;
  return true;
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
