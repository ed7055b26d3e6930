/** Which images a run was begun with: others make another epoch of other steps, and accuracies that do not compare. */
import type { Dataset } from '../data/dataset.ts';
import { fingerprintOf } from '../data/fingerprint.ts';
import { FrameworkError } from '../util/errors.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../util/sealed.ts';
import type { RunFolder } from './run/run-folder.ts';

/** The images of a split. */
export interface SplitImages {
  readonly images: number;
  readonly fingerprint: string;
}

/** `images.json` */
export interface RunImages {
  readonly training: SplitImages;
  readonly validation: SplitImages;
}

const IMAGES = sealedKind<RunImages>(
  'images of a run',
  1,
  'Restore it from a copy, or delete it: the run then takes the images there are now for those that it began with.',
);

export async function imagesOf(dataset: Dataset): Promise<SplitImages> {
  return { images: dataset.length, fingerprint: await fingerprintOf(dataset) };
}

export async function keepImages({ images }: RunFolder, now: RunImages): Promise<void> {
  await writeSealed(images, IMAGES, now);
}

/**
 * Other images for evaluation do not change the weights: they are said, since accuracies then do not compare.
 * @throws FrameworkError `data/images-changed` where a run would go on with other training images than it began with
 */
export async function checkSameImages(
  { root, images }: RunFolder,
  now: RunImages,
  note: (line: string) => void,
): Promise<void> {
  const before = await readSealedIfThere(images, IMAGES);
  if (before === undefined) {
    note(`${root} keeps no record of its images: it is taken to have begun with those there are now`);
    return;
  }
  const training = difference(before.training, now.training);
  if (training !== undefined)
    throw new FrameworkError(
      'data/images-changed',
      `${root} was begun with ${before.training.images} training images; ${training}.`,
      {
        hint: `Put back the images that it began with, or start a new run with another --out; --init ${root} starts it from this one's weights.`,
      },
    );
  const validation = difference(before.validation, now.validation);
  if (validation !== undefined)
    note(
      `warning: ${root} was last evaluated on ${before.validation.images} validation images; ${validation}: accuracies from here on do not compare with those before, nor does the best`,
    );
}

/** What is different now, in words. */
function difference(before: SplitImages, now: SplitImages): string | undefined {
  if (before.images !== now.images) return `there are ${now.images} now`;
  if (before.fingerprint === now.fingerprint) return undefined;
  return 'there are as many now, but of other labels, in another order, or other pictures';
}
