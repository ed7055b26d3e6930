/** What the files of an export depend on, kept beside them: those that are there are only right for the same. */
import { join } from 'node:path';
import { FrameworkError } from '../../../util/errors.ts';
import { exists } from '../../../util/files.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../../../util/sealed.ts';

interface ExportRecord {
  readonly seed: number;
  /** Side of the images in pixels. */
  readonly size: number;
  /** `filesSha256` of all images, in their order: a draw depends on an image's number. */
  readonly images: string;
}

const RECORD = sealedKind<ExportRecord>('export record', 2, 'Export into a new folder.');

/**
 * Claims a folder for files of these settings, or finds that it has them.
 * @param images `filesSha256` of the data set's images
 * @param subfolders of `folder`, which are written to
 * @throws FrameworkError `evaluate/other-export` where files are there that others made, or nobody knows how
 */
export async function checkExport(
  folder: string,
  set: 'C' | 'P',
  { seed, size }: { readonly seed: number; readonly size: number },
  images: string,
  subfolders: readonly string[],
): Promise<void> {
  const path = join(folder, `export-${set.toLowerCase()}.json`);
  const found = await readSealedIfThere(path, RECORD);
  const wanted = { seed, size, images };
  if (found === undefined) {
    for (const subfolder of subfolders)
      if (await exists(join(folder, subfolder)))
        throw otherExport(`${folder} holds ${subfolder}, and no record of how it was made.`);
    return writeSealed(path, RECORD, wanted);
  }
  const changed = [
    ...(['seed', 'size'] as const)
      .filter((key) => found[key] !== wanted[key])
      .map((key) => `${key} ${found[key]}, not ${wanted[key]}`),
    ...(found.images === images ? [] : ['other images']),
  ];
  if (changed.length > 0) throw otherExport(`The files in ${folder} were made with ${changed.join(', ')}.`);
}

function otherExport(message: string): FrameworkError {
  return new FrameworkError('evaluate/other-export', message, {
    hint: 'Name a new folder, or delete this one.',
  });
}
