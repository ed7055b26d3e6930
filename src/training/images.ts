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

/** @throws FrameworkError `data/images-changed` where a run would go on with other images than it began with */
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
  for (const split of ['training', 'validation'] as const) {
    const [then, here] = [before[split], now[split]];
    if (then.images === here.images && then.fingerprint === here.fingerprint) continue;
    const found =
      then.images === here.images
        ? 'there are as many now, but of other labels, in another order, or other pictures'
        : `there are ${here.images} now`;
    throw new FrameworkError(
      'data/images-changed',
      `${root} was begun with ${then.images} ${split} images; ${found}.`,
      {
        hint: `Put back the images that it began with, or start a new run with another --out; --init ${root} starts it from this one's weights.`,
      },
    );
  }
}
