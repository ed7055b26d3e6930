import { FrameworkError, nearest } from '../../util/errors.ts';
import { CORRUPTIONS } from '../corruptions/registry.ts';
import { PERTURBATIONS } from '../corruptions/sequences.ts';
import type { Classifier } from './classifier.ts';

export type BenchmarkId = 'val' | 'a' | 'c' | 'o' | 'p' | 'r' | '9' | 'sketch' | 'stylized';

/** How a benchmark's predictions become numbers. */
export type Scoring = 'classification' | 'detection' | 'stability' | 'imagenet9';

/** One folder of images or clips that is counted on its own. */
export interface PartRecord {
  /** E.g. `gaussian_noise/3`; `all` where there is only one. */
  readonly name: string;
  /** Folders that may hold it, relative to the benchmark's root, as downloaded or unpacked side by side. */
  readonly folders: readonly string[];
  /** Files in the release; null where copies differ. */
  readonly expected: number | null;
  /** An evaluation without it is still whole: the extra corruptions, the validation perturbations. */
  readonly optional?: true;
}

/** One robustness benchmark: what it is, where its files lie, how it is scored. A plain record. */
export interface Benchmark {
  readonly id: BenchmarkId;
  readonly name: string;
  readonly description: string;
  readonly source: {
    readonly archives: readonly string[];
    /** Size of the download, for people. */
    readonly size: string;
    readonly layout: string;
  };
  /** Folder names, relative to the data root, under which the parts are looked for. */
  readonly roots: readonly string[];
  readonly parts: readonly PartRecord[];
  readonly scoring: Scoring;
  /** Classes the logits are restricted to under `masked200`. */
  readonly restriction: 'a' | 'r' | 'o' | null;
  /** `as-is`: stored at 224 px, not resized for 224-px models. `model`: the model's own resize and crop. */
  readonly preprocessing: 'as-is' | 'model';
  /** Images per file: frames of a clip. */
  readonly frames: (part: string) => number;
  /** Numbers of classes a model may have. */
  readonly classes: readonly ('imagenet1k' | number | 'any')[];
  /** Also needs the validation images. */
  readonly needsVal?: true;
}

const SUBSET = ['imagenet1k'] as const;
const single = (folders: readonly string[], expected: number | null): PartRecord[] => [
  { name: 'all', folders, expected },
];
const one = (): number => 1;

const GROUP_FOLDERS = ['noise', 'blur', 'weather', 'digital', 'extra', 'validation'] as const;
const inGroups = (folder: string): string[] => [
  folder,
  ...GROUP_FOLDERS.map((group) => `${group}/${folder}`),
];

const corruptionParts: readonly PartRecord[] = CORRUPTIONS.flatMap(({ name, group }) =>
  [1, 2, 3, 4, 5].map((severity) => ({
    name: `${name}/${severity}`,
    folders: inGroups(name).map((folder) => `${folder}/${severity}`),
    expected: 50_000,
    ...(group === 'extra' ? { optional: true as const } : {}),
  })),
);

const perturbationParts: readonly PartRecord[] = PERTURBATIONS.map(({ name, group }) => ({
  name,
  folders: inGroups(name),
  expected: 50_000,
  ...(group === 'validation' ? { optional: true as const } : {}),
}));

const NINE_VARIATIONS = [
  'original',
  'mixed_same',
  'mixed_rand',
  'mixed_next',
  'no_fg',
  'only_fg',
  'only_bg_b',
  'only_bg_t',
];
const NINE_REQUIRED = ['original', 'mixed_same', 'mixed_rand'];

export const BENCHMARKS: readonly Benchmark[] = [
  {
    id: 'val',
    name: 'ImageNet',
    description: 'the clean validation images: top-1, top-5, calibration',
    source: {
      archives: ['ILSVRC2012_img_val.tar'],
      size: '6.7 GB',
      layout: 'val/<wnid>/ILSVRC2012_val_00000001.JPEG, or all 50,000 files in val/',
    },
    roots: ['val', 'imagenet/val', 'ILSVRC2012/val', 'ILSVRC2012_img_val', 'ILSVRC/Data/CLS-LOC/val'],
    parts: single([''], 50_000),
    scoring: 'classification',
    restriction: null,
    preprocessing: 'model',
    frames: one,
    classes: ['any'],
  },
  {
    id: 'a',
    name: 'ImageNet-A',
    description: 'natural images a ResNet-50 gets wrong, 200 classes',
    source: { archives: ['imagenet-a.tar'], size: '0.7 GB', layout: 'imagenet-a/<wnid>/*.jpg' },
    roots: ['imagenet-a', 'ImageNet-A', 'imagenet-a/imagenet-a'],
    parts: single([''], 7500),
    scoring: 'classification',
    restriction: 'a',
    preprocessing: 'model',
    frames: one,
    classes: SUBSET,
  },
  {
    id: 'c',
    name: 'ImageNet-C',
    description: '19 corruptions at 5 severities of the validation images',
    source: {
      archives: ['noise.tar', 'blur.tar', 'weather.tar', 'digital.tar', 'extra.tar'],
      size: '62 GB (21 + 7 + 12 + 7 + 15)',
      layout: 'imagenet-c/<corruption>/<severity>/<wnid>/*.JPEG, also inside noise/, blur/, …',
    },
    roots: ['imagenet-c', 'ImageNet-C', 'ImageNet-C/imagenet-c'],
    parts: corruptionParts,
    scoring: 'classification',
    restriction: null,
    preprocessing: 'as-is',
    frames: one,
    classes: SUBSET,
  },
  {
    id: 'o',
    name: 'ImageNet-O',
    description: 'detection of images of unknown classes, AUPR',
    source: {
      archives: ['imagenet-o.tar'],
      size: '178 MB',
      layout: 'imagenet-o/<wnid>/*, and the validation images',
    },
    roots: ['imagenet-o', 'ImageNet-O', 'imagenet-o/imagenet-o'],
    parts: [{ name: 'out', folders: [''], expected: 2000 }],
    scoring: 'detection',
    restriction: 'o',
    preprocessing: 'model',
    frames: one,
    classes: SUBSET,
    needsVal: true,
  },
  {
    id: 'p',
    name: 'ImageNet-P',
    description: 'stability of predictions along clips of small perturbations',
    source: {
      archives: ['blur.tar', 'digital.tar', 'noise.tar', 'weather.tar'],
      size: 'not stated by its makers',
      layout: 'imagenet-p/<perturbation>/<wnid>/*.mp4, also inside noise/, blur/, …',
    },
    roots: ['imagenet-p', 'ImageNet-P', 'ImageNet-P/imagenet-p'],
    parts: perturbationParts,
    scoring: 'stability',
    restriction: null,
    preprocessing: 'as-is',
    frames: (part) => (part === 'translate' ? 41 : 31),
    classes: SUBSET,
  },
  {
    id: 'r',
    name: 'ImageNet-R',
    description: 'art, cartoons, sculptures and other renditions, 200 classes',
    source: { archives: ['imagenet-r.tar'], size: '2.2 GB', layout: 'imagenet-r/<wnid>/*.jpg' },
    roots: ['imagenet-r', 'ImageNet-R', 'imagenet-r/imagenet-r'],
    parts: single([''], 30_000),
    scoring: 'classification',
    restriction: 'r',
    preprocessing: 'model',
    frames: one,
    classes: SUBSET,
  },
  {
    id: '9',
    name: 'ImageNet-9',
    description: 'nine coarse classes with exchanged backgrounds',
    source: {
      archives: ['backgrounds_challenge_data.tar.gz'],
      size: 'not stated by its makers',
      layout: 'bg_challenge/<variation>/val/<class folder>/*.JPEG',
    },
    roots: [
      'bg_challenge',
      'backgrounds_challenge_data/bg_challenge',
      'imagenet-9/bg_challenge',
      'imagenet-9',
    ],
    parts: NINE_VARIATIONS.map((name) => ({
      name,
      folders: [`${name}/val`],
      expected: 4050,
      ...(NINE_REQUIRED.includes(name) ? {} : { optional: true as const }),
    })),
    scoring: 'imagenet9',
    restriction: null,
    preprocessing: 'as-is',
    frames: one,
    classes: ['imagenet1k', 9],
  },
  {
    id: 'sketch',
    name: 'ImageNet-Sketch',
    description: 'black and white sketches of the 1000 classes',
    source: {
      archives: ['ImageNet-Sketch.zip'],
      size: 'not stated by its makers',
      layout: 'sketch/<wnid>/sketch_<k>.JPEG',
    },
    roots: [
      'sketch',
      'ImageNet-Sketch/sketch',
      'imagenet-sketch/sketch',
      'imagenet-sketch',
      'ImageNet-Sketch',
    ],
    parts: single([''], null),
    scoring: 'classification',
    restriction: null,
    preprocessing: 'model',
    frames: one,
    classes: SUBSET,
  },
  {
    id: 'stylized',
    name: 'Stylized-ImageNet',
    description: 'validation images in the style of paintings',
    source: {
      archives: [],
      size: 'no download: made by its users (rgeirhos/Stylized-ImageNet)',
      layout: 'stylized-imagenet/val/<wnid>/*.png',
    },
    roots: ['stylized-imagenet/val', 'Stylized-ImageNet/val', 'stylized/val', 'stylized-imagenet'],
    parts: single([''], 50_000),
    scoring: 'classification',
    restriction: null,
    preprocessing: 'as-is',
    frames: one,
    classes: SUBSET,
  },
];

/** @throws FrameworkError `benchmark/unknown` with the nearest id */
export function findBenchmark(id: string): Benchmark {
  const found = BENCHMARKS.find((benchmark) => benchmark.id === id.toLowerCase());
  if (found) return found;
  const ids = BENCHMARKS.map((benchmark) => benchmark.id);
  const near = nearest(id, [...ids, ...BENCHMARKS.map((benchmark) => benchmark.name)]);
  throw new FrameworkError('benchmark/unknown', `there is no benchmark "${id}"`, {
    hint: near === undefined ? `known: ${ids.join(', ')}` : `did you mean ${near}?`,
  });
}

/**
 * Why a benchmark says nothing about a model, or undefined if it applies. `generated`: the images are made from a data
 * set of the model's own classes, so any number of classes will do. Clean images of any classes always will.
 */
export function whyNotApplicable(
  benchmark: Benchmark,
  classifier: Pick<Classifier, 'name' | 'classes'>,
  generated = false,
): string | undefined {
  if (benchmark.classes.includes('any')) return undefined;
  if (generated) {
    if (benchmark.id === 'c' || benchmark.id === 'p') return undefined;
    return `${benchmark.name} cannot be generated from other images; only ImageNet-C and ImageNet-P can`;
  }
  if (benchmark.classes.includes(classifier.classes)) return undefined;
  const wanted = benchmark.classes.map((c) =>
    c === 'imagenet1k' ? 'the 1000 ImageNet classes' : `${c} classes`,
  );
  return `${benchmark.name} needs a model of ${wanted.join(' or ')}; ${classifier.name} has ${classifier.classes} classes`;
}
