import type { Dataset, DatasetSpec } from '../../data/dataset.ts';
import type { Image } from '../../data/image/image.ts';
import { evalTransform } from '../../data/transform.ts';
import { corrupt, perturb } from '../corruptions/registry.ts';
import type { Difficulty, Severity } from '../corruptions/types.ts';

/** What is done to a stored image to make one of a generated benchmark. */
export type Change =
  | {
      readonly set: 'C';
      readonly name: string;
      /** 0: the uncorrupted image through the same steps. */
      readonly severity: Severity;
      readonly seed: number;
      /** Side of the images in pixels. */
      readonly size: number;
      readonly jpeg85: boolean;
    }
  | {
      readonly set: 'P';
      readonly name: string;
      readonly seed: number;
      readonly size: number;
      readonly difficulty: Difficulty;
    };

/** Where the pixels of a part come from, as plain data: a worker thread can be sent it. */
export type PartSource =
  | {
      readonly kind: 'images';
      readonly dataset: DatasetSpec;
      /** Samples that were found when it was opened first. */
      readonly length: number;
      readonly change: Change | null;
    }
  | { readonly kind: 'clips'; readonly folder: string; readonly frames: number };

/** One item of a source: the number of a sample, or the path of a clip below the folder. */
export type Place = number | string;

/** The image of an item, or its frames in order. */
export type Load = (place: Place) => Promise<readonly Image[]>;

/** Reads samples by number and changes them; the number is that of the image's random draws. */
export function loadFrom(dataset: Dataset, change: Change | null): Load {
  if (change === null) return async (place) => [await dataset.read(Number(place))];
  const { name, seed, size } = change;
  if (change.set === 'P') {
    const { difficulty } = change;
    return async (place) => {
      const image = uncropped(await dataset.read(Number(place)), size);
      const side = Math.min(size, image.width, image.height);
      return [...perturb(image, name, { seed, imageNumber: Number(place), size: side, difficulty })];
    };
  }
  const { severity, jpeg85 } = change;
  const base = cropTo(size);
  return async (place) => {
    const image = base(await dataset.read(Number(place)));
    if (severity === 0) return [image];
    return [await corrupt(image, name, severity, { seed, imageNumber: Number(place), jpeg85 })];
  };
}

/** The published frame: shorter side to 8/7 of the size with antialiased bilinear, centre crop. Small images stay. */
function cropTo(size: number): (image: Image) => Image {
  const resize = Math.round((size * 256) / 224);
  const transform = evalTransform({ resize, crop: size, squash: false, interpolation: 'bilinear' });
  return (image) => (Math.min(image.width, image.height) <= size ? image : transform(image));
}

/** The same without the crop: what the sequences of ImageNet-P start from. */
function uncropped(image: Image, size: number): Image {
  const resize = Math.round((size * 256) / 224);
  if (Math.min(image.width, image.height) <= size) return image;
  return evalTransform({ resize, crop: null, squash: false, interpolation: 'bilinear' })(image);
}
