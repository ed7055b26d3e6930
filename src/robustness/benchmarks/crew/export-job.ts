import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Image } from '../../../data/image/image.ts';
import { encodeJpeg } from '../../../data/image/encode.ts';
import { FrameworkError, defined, messageOf } from '../../../util/errors.ts';
import { makeFolder, writeFileAtomic } from '../../../util/files.ts';
import type { Load, PartSource, Place } from '../images/source.ts';
import { writeClip } from '../images/video.ts';

/** One file of an exported benchmark. */
export interface ExportJob {
  readonly kind: 'export';
  readonly source: PartSource;
  readonly place: Place;
  readonly path: string;
  readonly file: { readonly format: 'jpeg' } | { readonly format: 'mp4'; readonly isNoise: boolean };
}

/**
 * Makes the image or clip and writes it, whole or not at all.
 * @returns why the image could not be read, or undefined
 * @throws FrameworkError if the file cannot be written
 */
export async function exportFile(
  load: Load,
  { place, path, file }: Pick<ExportJob, 'place' | 'path' | 'file'>,
): Promise<string | undefined> {
  let images: readonly Image[];
  try {
    images = await load(place);
  } catch (error) {
    const isFile = error instanceof FrameworkError && /^(image|data)\//.test(error.code);
    if (!isFile) throw error;
    return messageOf(error);
  }
  if (file.format === 'jpeg') {
    await writeFileAtomic(path, await encodeJpeg(defined(images[0], 'an image'), 85));
    return undefined;
  }
  await makeFolder(dirname(path));
  await writeClip(`${path}.tmp`, images, file.isNoise);
  await rename(`${path}.tmp`, path);
  return undefined;
}
