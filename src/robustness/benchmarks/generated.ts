import type { Dataset } from '../../data/dataset.ts';
import type { Image } from '../../data/image/image.ts';
import { evalTransform } from '../../data/transform.ts';
import { CORRUPTIONS, GENERATOR_VERSION, corrupt, perturb } from '../corruptions/registry.ts';
import { PERTURBATIONS } from '../corruptions/sequences.ts';
import type { Difficulty, Severity } from '../corruptions/types.ts';
import { familyOf } from '../corruptions/types.ts';
import type { Classifier } from './classifier.ts';
import { checkClasses } from './classifier.ts';
import { datasetPart } from './parts.ts';
import type { Part } from './parts.ts';

export interface GenerateOptions {
  readonly seed: number;
  /** ImageNet-C: encode and decode at quality 85 as the release does; default true at 224 px, else false. */
  readonly jpeg85?: boolean;
  /** Default: all 19, or all 14. */
  readonly names?: readonly string[];
  /** ImageNet-C; default 1 … 5. */
  readonly severities?: readonly Severity[];
  /** ImageNet-P; default 1. */
  readonly difficulty?: Difficulty;
}

/** A generated benchmark, and the words a result needs to say what it was. */
export interface Generated {
  readonly parts: Part[];
  /** E.g. `generated (seed 0, generator 1, ImageNet-C at 224 px, JPEG 85)`. */
  readonly origin: string;
  /** Are the normalisers of the release worth printing? Only for 224-px images of the 1000 classes. */
  readonly isImagenetLike: boolean;
}

/**
 * ImageNet-C made on the fly from a validation set of any classes. The first part, `clean/0`, is the uncorrupted images
 * through the same steps, so severity 0 of every curve is measured and not assumed.
 */
export function generateC(dataset: Dataset, classifier: Classifier, options: GenerateOptions): Generated {
  checkClasses(classifier, dataset.classes.length, dataset.name);
  const size = classifier.preprocessing.imageSize;
  const jpeg85 = options.jpeg85 ?? size === 224;
  const names = options.names ?? CORRUPTIONS.map(({ name }) => name);
  const severities = options.severities ?? [1, 2, 3, 4, 5];
  const base = cropTo(size);
  const clean = datasetPart(dataset, 'clean/0');
  const variants = names.flatMap((name) => severities.map((severity) => ({ name, severity })));
  const parts = variants.map(({ name, severity }): Part => ({
    ...clean,
    name: `${name}/${severity}`,
    problems: [],
    load: async (item) => {
      const image = base(await dataset.read(item));
      return [await corrupt(image, name, severity, { seed: options.seed, imageNumber: item, jpeg85 })];
    },
  }));
  const first: Part = { ...clean, load: async (item) => [base(await dataset.read(item))] };
  return {
    parts: [first, ...parts],
    origin: originOf('C', options.seed, size, jpeg85 ? ', JPEG 85' : ', no final JPEG'),
    isImagenetLike: size === 224 && classifier.classes === 'imagenet1k',
  };
}

/** ImageNet-P made on the fly: no H.264 loss, so flip rates on noise are not those of the released clips. */
export function generateP(dataset: Dataset, classifier: Classifier, options: GenerateOptions): Generated {
  checkClasses(classifier, dataset.classes.length, dataset.name);
  const size = classifier.preprocessing.imageSize;
  const difficulty = options.difficulty ?? 1;
  const wanted = options.names ?? PERTURBATIONS.map(({ name }) => name);
  const base = datasetPart(dataset, 'clean');
  const parts = PERTURBATIONS.filter(({ name }) => wanted.includes(name)).map((perturbation): Part => ({
    ...base,
    name: perturbation.name,
    frames: perturbation.frameCount(familyOf({ width: size, height: size })),
    load: async (item) => {
      const image = uncropped(await dataset.read(item), size);
      const side = Math.min(size, image.width, image.height);
      return [
        ...perturb(image, perturbation.name, {
          seed: options.seed,
          imageNumber: item,
          size: side,
          difficulty,
        }),
      ];
    },
  }));
  return {
    parts,
    origin: originOf('P', options.seed, size, `, difficulty ${difficulty}, no video compression`),
    isImagenetLike: size === 224 && classifier.classes === 'imagenet1k',
  };
}

function originOf(letter: 'C' | 'P', seed: number, size: number, rest: string): string {
  const family = familyOf({ width: size, height: size });
  const table = family === 'cifar' ? `CIFAR-10-${letter} parameters` : `ImageNet-${letter} parameters`;
  return `generated (seed ${seed}, generator ${GENERATOR_VERSION}, ${table}, ${size} px${rest})`;
}

/** The published frame: shorter side to 8/7 of the size with antialiased bilinear, centre crop. Small images stay. */
export function cropTo(size: number): (image: Image) => Image {
  const resize = Math.round((size * 256) / 224);
  const transform = evalTransform({ resize, crop: size, squash: false, interpolation: 'bilinear' });
  return (image) => (Math.min(image.width, image.height) <= size ? image : transform(image));
}

/** The same without the crop: what the sequences of ImageNet-P start from. */
export function uncropped(image: Image, size: number): Image {
  const resize = Math.round((size * 256) / 224);
  if (Math.min(image.width, image.height) <= size) return image;
  return evalTransform({ resize, crop: null, squash: false, interpolation: 'bilinear' })(image);
}
