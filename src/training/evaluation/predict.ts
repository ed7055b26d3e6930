import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isImageName, type Note } from '../../data/dataset.ts';
import { IMAGE_KINDS, decodeImage } from '../../data/image/decode.ts';
import type { Image } from '../../data/image/image.ts';
import { leftOut } from '../../data/left-out.ts';
import { walkFiles } from '../../data/readers/walk.ts';
import { evalTransform, toTensor } from '../../data/transform.ts';
import type { InferenceSession } from '../../models/inference.ts';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { readError } from '../../util/files.ts';
import type { ResolvedWeights } from './evaluate-weights.ts';

/**
 * All images of the folders (at any depth) and files given, sorted by path.
 * @param say told what else lies in the folders, a line at a time
 */
export async function listImages(paths: readonly string[], say: (line: string) => void): Promise<string[]> {
  const found: string[] = [];
  const lines: string[] = [];
  for (const path of paths) {
    const info = await stat(path).catch((error: unknown) => {
      throw new FrameworkError('data/not-found', `${path} cannot be read: ${messageOf(error)}.`, {
        hint: 'Name image files or folders of them.',
      });
    });
    if (!info.isDirectory()) {
      found.push(path);
      continue;
    }
    const notes: Note[] = [];
    for (const name of await walkFiles(path, '', notes))
      if (isImageName(name)) found.push(join(path, name));
      else notes.push({ kind: 'stray', path: name });
    lines.push(...leftOut(path, notes));
  }
  if (found.length === 0)
    throw new FrameworkError('data/empty', [`No images in ${paths.join(', ')}.`, ...lines].join(' '), {
      hint: `${IMAGE_KINDS} files are read.`,
    });
  lines.forEach(say);
  return [...new Set(found)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * Decodes every image once and drops it: nothing is compiled for images that cannot be read, and no logits are lost to the last of many.
 * @param looked told how many were decoded
 * @throws FrameworkError `image/…` of the first unreadable image, with the number of all
 */
export async function checkImages(
  files: readonly string[],
  looked: (count: number) => void = () => undefined,
): Promise<void> {
  const failures = new Map<string, FrameworkError>();
  const rest = files.values();
  let done = 0;
  const look = async () => {
    for (const file of rest) {
      // A pipe can be read only once.
      const isFile = await stat(file).then(
        (info) => info.isFile(),
        () => true,
      );
      const error = isFile ? await readImage(file).then(() => undefined, asFrameworkError) : undefined;
      if (error !== undefined) failures.set(file, error);
      looked(++done);
    }
  };
  await Promise.all([look(), look(), look(), look()]);
  const first = files.flatMap((file) => failures.get(file) ?? [])[0];
  if (first === undefined) return;
  const count = failures.size === 1 ? '' : `; ${failures.size} of ${files.length} images cannot be read`;
  throw new FrameworkError(first.code, first.message + count, { hint: first.hint ?? 'leave it out' });
}

async function readImage(file: string): Promise<Image> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw readError(file, error);
  });
  return decodeImage(bytes, file);
}

function asFrameworkError(error: unknown): FrameworkError {
  if (error instanceof FrameworkError) return error;
  throw error;
}

/** Logits (files, classes) of image files in the order given. */
export async function predictFiles(
  session: InferenceSession,
  { imageSize: size, normalization: { mean, std }, evalConfig }: ResolvedWeights,
  files: readonly string[],
): Promise<Float32Array> {
  const { batch } = session.shape;
  const classes = session.model.config.classes;
  const transform = evalTransform(evalConfig);
  const elems = 3 * size * size;
  const all = new Float32Array(files.length * classes);
  for (let first = 0; first < files.length; first += batch) {
    const part = files.slice(first, first + batch);
    const x = new Float32Array(part.length * elems);
    for (const [i, file] of part.entries()) {
      const image = transform(await readImage(file));
      if (image.width !== size || image.height !== size) {
        throw new FrameworkError(
          'data/wrong-size',
          `${file} became ${image.width}×${image.height} pixels, but the model takes ${size}×${size}.`,
          {
            hint: `Use --set evaluation.resize=${size} --set evaluation.crop=${size}.`,
          },
        );
      }
      toTensor(image, mean, std, x, i * elems);
    }
    all.set(await session.logits(x, part.length), first * classes);
  }
  return all;
}
