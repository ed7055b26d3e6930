/** The formats that can be opened and the data sets known by name. `largekernel datasets` prints both. */
import { fileURLToPath } from 'node:url';
import { classList, dataFile, type ClassListName } from './classes.ts';
import { chosenClasses } from './class-choice.ts';
import type { ClassTarget, Dataset, DatasetKind, DatasetSpec } from './dataset.ts';
import { withClasses } from './match-classes.ts';
import type { NormalizationName } from './normalization.ts';
import { withOtherFormat } from './other-formats.ts';
import { openCifar } from './readers/cifar.ts';
import { openFolder } from './readers/folder.ts';
import { openIdx } from './readers/idx.ts';
import { openImagenetTar } from './readers/imagenet-tar.ts';
import { openParquet } from './readers/parquet.ts';
import { openWebdataset } from './readers/webdataset.ts';
import { FrameworkError, nearest } from '../util/errors.ts';

export interface DatasetFormat {
  readonly description: string;
  readonly open: (spec: DatasetSpec) => Promise<Dataset>;
}

export const FORMATS: Readonly<Record<DatasetKind, DatasetFormat>> = {
  folder: {
    description: 'image folders <split>/<class>/ (JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP, PPM), or the flat ImageNet validation folder',
    open: openFolder,
  },
  cifar10: { description: 'CIFAR-10 binary: data_batch_<n>.bin, test_batch.bin', open: openCifar },
  cifar100: { description: 'CIFAR-100 binary: train.bin, test.bin (fine labels)', open: openCifar },
  idx: { description: 'IDX files of the MNIST family, plain or .gz', open: openIdx },
  'imagenet-tar': {
    description: 'ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar, read without unpacking',
    open: openImagenetTar,
  },
  webdataset: {
    description: 'WebDataset shards <split>-*.tar with an image and {cls|json|txt}',
    open: openWebdataset,
  },
  parquet: {
    description: 'Hugging Face parquet files <split>-*.parquet with image {bytes, path} and label',
    open: openParquet,
  },
};

/** Opens a data set of any format; labels count in `spec.classes`. @example const data = await openDataset({ kind: 'folder', root: '/imagenet', split: 'val' }) */
export async function openDataset(spec: DatasetSpec): Promise<Dataset> {
  if (!Object.hasOwn(FORMATS, spec.kind)) throw unknown('format', spec.kind, Object.keys(FORMATS));
  const dataset = await FORMATS[spec.kind].open(spec).catch(async (error: unknown) => {
    throw await withOtherFormat(spec, error);
  });
  try {
    return withClasses(dataset, spec.classes, spec.own);
  } catch (error) {
    await dataset.close();
    throw error;
  }
}

/** Opens a data set that another thread has opened before. @param length the samples it found there */
export async function openUnchanged(spec: DatasetSpec, length: number): Promise<Dataset> {
  const dataset = await openDataset(spec);
  if (dataset.length === length) return dataset;
  await dataset.close();
  throw new FrameworkError(
    'data/changed',
    `${dataset.name} had ${length} samples when it was opened first and has ${dataset.length} in a worker`,
    { hint: 'the data are being written; start again when they are complete' },
  );
}

/** A data set that recipes and commands know by name. */
export interface NamedDataset {
  readonly description: string;
  readonly kind: DatasetKind;
  /** The list its labels count in, where it is always the same one. */
  readonly classList: ClassListName | null;
  readonly normalization: NormalizationName;
  /** Set where the data come with the project. */
  readonly root?: string;
  /** As published, to plan with where the images are not there. */
  readonly trainingImages?: number;
  /** Other formats that hold the same data. */
  readonly alsoAs: readonly DatasetKind[];
}

const IMAGENET = {
  kind: 'folder',
  classList: 'imagenet-1k',
  normalization: 'imagenet',
  alsoAs: ['imagenet-tar', 'webdataset', 'parquet'],
} as const;

export const DATASETS: Readonly<Record<string, NamedDataset>> = {
  'fashion-mnist': {
    description: 'built in: 10,000 + 2,000 grey images of clothes, 28×28, 10 classes (a balanced part of Fashion-MNIST)',
    kind: 'idx',
    classList: 'fashion-mnist',
    normalization: 'fashion-mnist',
    root: fileURLToPath(dataFile('fashion-mnist')),
    alsoAs: [],
  },
  imagenet: { description: 'ImageNet-1k (ILSVRC2012): 1,281,167 + 50,000 images, 1000 classes', ...IMAGENET, trainingImages: 1_281_167 },
  'image-folder': {
    description: 'any images in one folder per class',
    kind: 'folder',
    classList: null,
    normalization: 'imagenet',
    alsoAs: ['webdataset', 'parquet'],
  },
  cifar10: {
    description: 'CIFAR-10: 50,000 + 10,000 images, 32×32, 10 classes',
    kind: 'cifar10',
    classList: 'cifar10',
    trainingImages: 50_000,
    normalization: 'cifar10',
    alsoAs: ['folder', 'webdataset', 'parquet'],
  },
  cifar100: {
    description: 'CIFAR-100: 50,000 + 10,000 images, 32×32, 100 classes',
    kind: 'cifar100',
    classList: 'cifar100',
    trainingImages: 50_000,
    normalization: 'cifar100',
    alsoAs: ['folder', 'webdataset', 'parquet'],
  },
  mnist: {
    description: 'MNIST or a set in its format: 60,000 + 10,000 grey digits, 28×28',
    kind: 'idx',
    classList: 'mnist',
    normalization: 'mnist',
    alsoAs: [],
  },
};

/**
 * The spec of a named data set. @param overrides `classes`: a choice as in a recipe, or the list itself
 * @throws FrameworkError `data/unknown-dataset`, `data/no-root`
 * @example namedDataset('fashion-mnist', 'train')
 */
export function namedDataset(
  name: string,
  split: string,
  overrides: { root?: string; kind?: DatasetKind; classes?: string | Exclude<ClassTarget, 'folders'>; cache?: string } = {},
): DatasetSpec {
  const known = Object.hasOwn(DATASETS, name) ? DATASETS[name] : undefined;
  if (known === undefined) throw unknown('dataset', name, Object.keys(DATASETS));
  const root = overrides.root ?? known.root;
  if (root === undefined)
    throw new FrameworkError('data/no-root', `the data set ${name} does not come with the project`, {
      hint: 'name its folder: --data, or data.root in the recipe',
    });
  const kind = overrides.kind ?? known.kind;
  if (kind !== known.kind && !known.alsoAs.includes(kind)) throw unknown('format', kind, [known.kind, ...known.alsoAs]);
  const { cache, classes = 'auto' } = overrides;
  const target = typeof classes === 'string' ? chosenClasses(classes, known.classList) : classes;
  return {
    kind,
    root,
    split,
    ...(target === undefined ? {} : { classes: target }),
    ...(known.classList === null ? {} : { own: classList(known.classList) }),
    ...(cache === undefined ? {} : { cache }),
  };
}

function unknown(what: 'format' | 'dataset', name: string, names: readonly string[]): FrameworkError {
  const near = nearest(name, names);
  return new FrameworkError(`data/unknown-${what}`, `there is no data ${what} "${name}" here`, {
    hint: near === undefined ? `known: ${names.join(', ')}` : `did you mean ${near}?`,
  });
}
