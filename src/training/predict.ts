import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isImageName } from '../data/dataset.ts';
import { decodeImage } from '../data/image/decode.ts';
import { evalTransform, toTensor } from '../data/transform.ts';
import type { InferenceSession } from '../models/inference.ts';
import { FrameworkError, messageOf } from '../util/errors.ts';
import type { ResolvedWeights } from './evaluate-weights.ts';

/** All images of the folders (at any depth) and files given, sorted by path. */
export async function listImages(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const info = await stat(path).catch((error: unknown) => {
      throw new FrameworkError('data/not-found', `${path} cannot be read: ${messageOf(error)}.`, {
        hint: 'Name image files or folders of them.',
      });
    });
    if (!info.isDirectory()) found.push(path);
    else
      for (const name of await readdir(path, { recursive: true }))
        if (isImageName(name)) found.push(join(path, name));
  }
  if (found.length === 0)
    throw new FrameworkError('data/empty', `No images in ${paths.join(', ')}.`, {
      hint: 'JPEG and PNG files are read.',
    });
  return [...new Set(found)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
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
      const image = transform(await decodeImage(await readFile(file), file));
      if (image.width !== size || image.height !== size) {
        throw new FrameworkError(
          'data/wrong-size',
          `${file} became ${image.width}×${image.height} pixels, but the model takes ${size}×${size}.`,
          {
            hint: `Use --set evaluation.resize and --set evaluation.crop=${size}.`,
          },
        );
      }
      toTensor(image, mean, std, x, i * elems);
    }
    all.set(await session.logits(x, part.length), first * classes);
  }
  return all;
}
