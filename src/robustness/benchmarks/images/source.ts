import type { Dataset, DatasetSpec } from '../../../data/dataset.ts';
import type { Image } from '../../../data/image/image.ts';
import { evalTransform, type EvalConfig } from '../../../data/transform.ts';
import { corrupt, perturb } from '../../corruptions/registry.ts';
import type { Difficulty, Severity } from '../../corruptions/types.ts';

/**
 * The resize and crop of corrupted images. A stored image whose short side is above `size` is resized and cropped, then corrupted, so that
 * the parameters meet the pixels they were made for; one that is not is corrupted as stored and goes through the same after it.
 */
export interface Framing {
  readonly size: number;
  readonly evalConfig: EvalConfig;
  /** Images that are not larger are left at their size: files, which whoever reads them resizes. */
  readonly keepsSmall: boolean;
}

/** How an image of a generated benchmark is made from a stored one. */
export type Change =
  | {
      readonly set: 'C';
      readonly name: string;
      /** 0: the uncorrupted image through the same steps: the model's own preprocessing, bit for bit. */
      readonly severity: Severity;
      readonly seed: number;
      /** What becomes of an image besides, before or after it is corrupted. */
      readonly framing: Framing;
      /** Compressed last, as the release is. */
      readonly jpeg85: boolean;
    }
  | {
      readonly set: 'P';
      readonly name: string;
      readonly seed: number;
      readonly size: number;
      readonly difficulty: Difficulty;
    };

/** The source of a part's pixels, as plain data that can be sent to a worker thread. */
export type PartSource =
  | {
      readonly kind: 'images';
      readonly dataset: DatasetSpec;
      /** Samples that were found when it was opened first. */
      readonly length: number;
      readonly change: Change | null;
    }
  | { readonly kind: 'files'; readonly folder: string }
  | { readonly kind: 'clips'; readonly folder: string; readonly frames: number };

/** One item of a source: the number of a sample, or the path of a file below the folder. */
export type Place = number | string;

/** The image of an item, or its frames in order. */
export type Load = (place: Place) => Promise<readonly Image[]>;

/** Reads samples by number and changes them; the number is that of the image's random draws. */
export function loadFrom(dataset: Dataset, change: Change | null): Load {
  if (change === null) return async (place) => [await dataset.read(Number(place))];
  return change.set === 'C' ? loadCorrupted(dataset, change) : loadPerturbed(dataset, change);
}

function loadCorrupted(dataset: Dataset, change: Extract<Change, { set: 'C' }>): Load {
  const { name, seed, severity, framing, jpeg85 } = change;
  const frame = evalTransform(framing.evalConfig);
  return async (place) => {
    const stored = await dataset.read(Number(place));
    const isFirst = Math.min(stored.width, stored.height) > framing.size;
    const image = isFirst ? frame(stored) : stored;
    const options = { seed, imageNumber: Number(place), jpeg85 };
    const changed = severity === 0 ? image : await corrupt(image, name, severity, options);
    return [isFirst || framing.keepsSmall ? changed : frame(changed)];
  };
}

function loadPerturbed(dataset: Dataset, change: Extract<Change, { set: 'P' }>): Load {
  const { name, seed, size, difficulty } = change;
  return async (place) => {
    const image = uncropped(await dataset.read(Number(place)), size);
    const side = Math.min(size, image.width, image.height);
    return [...perturb(image, name, { seed, imageNumber: Number(place), size: side, difficulty })];
  };
}

/** Short side of the release's images before the crop of `size`: 256 for 224. */
export function shortSide(size: number): number {
  return Math.round((size * 256) / 224);
}

/** The release's images: short side 256, antialiased bilinear, centre crop 224, or as much of another size; smaller ones stay. */
export function releaseFraming(size: number): Framing {
  const evalConfig = {
    resize: shortSide(size),
    crop: size,
    squash: false,
    interpolation: 'bilinear',
  } as const;
  return { size, evalConfig, keepsSmall: true };
}

/** The same without the crop: what the sequences of ImageNet-P start from. */
function uncropped(image: Image, size: number): Image {
  if (Math.min(image.width, image.height) <= size) return image;
  return evalTransform({ resize: shortSide(size), crop: null, squash: false, interpolation: 'bilinear' })(
    image,
  );
}
