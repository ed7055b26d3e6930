import type { Dataset, DatasetSpec } from '../../../data/dataset.ts';
import { BAR_CORRUPTIONS } from '../../corruptions/bar.ts';
import { CORRUPTIONS, GENERATOR_VERSION } from '../../corruptions/registry.ts';
import { PERTURBATIONS } from '../../corruptions/sequences.ts';
import type { Difficulty, Severity } from '../../corruptions/types.ts';
import { parameterSetOf } from '../../corruptions/types.ts';
import type { SummaryOptions } from '../../scoring/scoring.ts';
import type { Classifier } from '../../classifier/classifier.ts';
import { checkClasses } from '../../classifier/classifier.ts';
import { describeEval } from '../evaluation/protocol.ts';
import { isImagenet } from './release-checks.ts';
import { datasetPart, imagesOf } from './parts.ts';
import type { Part } from './parts.ts';
import { loadFrom, shortSide } from './source.ts';
import type { Change } from './source.ts';

export interface GenerateOptions {
  /** Whose corruptions; default ImageNet-C's. */
  readonly set?: 'C' | 'C-bar';
  readonly seed: number;
  /** ImageNet-C: encode and decode at quality 85 as the release does; default true at 224 px, else false. */
  readonly jpeg85?: boolean;
  /** Default: all 19, 10 or 14. */
  readonly names?: readonly string[];
  /** ImageNet-C; default 1 … 5. */
  readonly severities?: readonly Severity[];
  /** ImageNet-P; default 1. */
  readonly difficulty?: Difficulty;
  /** The images are ImageNet's validation images; default: where the classes are its. */
  readonly isImagenet?: boolean;
  /** How worker threads open the data set again; without it they cannot help. */
  readonly spec?: DatasetSpec;
}

/** A generated benchmark, and the words a result needs to say what it was. */
export interface Generated {
  readonly parts: Part[];
  /** E.g. `generated (seed 0, generator 1, ImageNet-C at 224 px, JPEG 85)`. */
  readonly origin: string;
  /** Of ImageNet's validation images at 224 px, as the release is. */
  readonly isAsReleased: boolean;
  /** AlexNet's numbers are of 224-px images made from ImageNet's; otherwise why not. */
  readonly normalised: SummaryOptions['normalised'];
  /** From the stored image to the model's input, in words. */
  readonly framing: string;
}

/**
 * ImageNet-C or -C-bar made on the fly from a validation set of any classes. The first part, `clean/0`, is the uncorrupted images
 * through the same steps, so severity 0 of every curve is measured and not assumed.
 */
export function generateC(dataset: Dataset, classifier: Classifier, options: GenerateOptions): Generated {
  checkClasses(classifier, dataset.classes.length, dataset.name);
  const { imageSize: size, evalConfig } = classifier.preprocessing;
  const jpeg85 = options.jpeg85 ?? size === 224;
  const { set = 'C' } = options;
  const names = options.names ?? (set === 'C' ? CORRUPTIONS : BAR_CORRUPTIONS).map(({ name }) => name);
  const severities = options.severities ?? [1, 2, 3, 4, 5];
  const clean = datasetPart(dataset, 'clean/0');
  const changeOf = (name: string, severity: Severity): Change => ({
    set: 'C',
    name,
    severity,
    seed: options.seed,
    framing: { size, evalConfig, keepsSmall: false },
    jpeg85,
  });
  const variants = names.flatMap((name) => severities.map((severity) => ({ name, severity })));
  const parts = variants.map(({ name, severity }): Part => ({
    ...changedPart(clean, dataset, changeOf(name, severity), options.spec),
    name: `${name}/${severity}`,
    problems: [],
  }));
  return {
    parts: [changedPart(clean, dataset, changeOf('clean', 0), options.spec), ...parts],
    origin: originOf(set, options.seed, size, jpeg85 ? ', JPEG 85' : ', no final JPEG'),
    ...normalisedFor(dataset, size, options),
    framing: describeEval(evalConfig),
  };
}

/** ImageNet-P made on the fly: no H.264 loss, so flip rates on noise are not those of the released clips. */
export function generateP(dataset: Dataset, classifier: Classifier, options: GenerateOptions): Generated {
  checkClasses(classifier, dataset.classes.length, dataset.name);
  const size = classifier.preprocessing.imageSize;
  const difficulty = options.difficulty ?? 1;
  const wanted = options.names ?? PERTURBATIONS.map(({ name }) => name);
  const base = datasetPart(dataset, 'all');
  const parts = PERTURBATIONS.filter(({ name }) => wanted.includes(name)).map((perturbation, i): Part => ({
    ...changedPart(
      base,
      dataset,
      { set: 'P', name: perturbation.name, seed: options.seed, size, difficulty },
      options.spec,
    ),
    name: perturbation.name,
    problems: i === 0 ? base.problems : [],
    frames: perturbation.frameCount(parameterSetOf({ width: size, height: size })),
  }));
  return {
    parts,
    origin: originOf('P', options.seed, size, `, difficulty ${difficulty}, no video compression`),
    ...normalisedFor(dataset, size, options),
    framing: `short side ${shortSide(size)} bilinear where larger, frames of ${size} px`,
  };
}

/** Its paper averages plain errors. */
export const NO_NORMALISER = 'errors of ImageNet-C-bar are not normalised';

function normalisedFor(
  { classes }: Dataset,
  size: number,
  { isImagenet: isOf = isImagenet(classes.map(({ id }) => id)), set }: GenerateOptions,
): Pick<Generated, 'normalised' | 'isAsReleased'> {
  const isAsReleased = isOf && size === 224;
  const because = (not: string) => ({ isAsReleased, normalised: { not } });
  if (set === 'C-bar') return because(NO_NORMALISER);
  if (!isOf) return because('AlexNet’s numbers are of ImageNet’s validation images, and these are others');
  if (size !== 224) return because(`AlexNet’s numbers are of images of 224 px, and these have ${size}`);
  return { isAsReleased, normalised: true };
}

/** A part of the same images, each changed. Items are samples: every class of the data set is one of the part. */
function changedPart(part: Part, dataset: Dataset, change: Change, spec: DatasetSpec | undefined): Part {
  return {
    ...part,
    fit: 'input',
    ...(spec === undefined ? {} : { source: imagesOf(spec, dataset, change) }),
    load: loadFrom(dataset, change),
  };
}

function originOf(letter: 'C' | 'C-bar' | 'P', seed: number, size: number, rest: string): string {
  const parameterSet = parameterSetOf({ width: size, height: size });
  const table =
    parameterSet === 'cifar' && letter !== 'C-bar'
      ? `CIFAR-10-${letter} parameters`
      : `ImageNet-${letter} parameters`;
  return `generated (seed ${seed}, generator ${GENERATOR_VERSION}, ${table}, ${size} px${rest})`;
}
