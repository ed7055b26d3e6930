import { FrameworkError, nearest } from '../../util/errors.ts';
import { CORRUPTIONS } from '../corruptions/registry.ts';
import { PERTURBATIONS } from '../corruptions/sequences.ts';
import { backgrounds } from '../scoring/backgrounds.ts';
import { classification } from '../scoring/classification.ts';
import { corruptionErrors } from '../scoring/corruptions.ts';
import { detection } from '../scoring/detection.ts';
import { perturbationStability } from '../scoring/perturbations.ts';
import { imagenetClasses, imagenetSubset } from '../../data/classes.ts';
import { imagenet9Classes } from '../metrics/normalisers.ts';
import type { Benchmark, PartRecord } from './benchmark.ts';

const IMAGENET = ['imagenet1k'] as const;
const thousand = (): readonly string[] => imagenetClasses().map(({ id }) => id);
const subset = (letter: 'a' | 'r' | 'o') => (): readonly string[] => imagenetSubset(letter).wnids;
const single = (expected: number | null, expectedPerClass?: number): PartRecord[] => [
  { name: 'all', folders: [''], expected, ...(expectedPerClass === undefined ? {} : { expectedPerClass }) },
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
    expectedPerClass: 50,
    ...(group === 'extra' ? { optional: true as const } : {}),
  })),
);

const perturbationParts: readonly PartRecord[] = PERTURBATIONS.map(({ name, group }) => ({
  name,
  folders: inGroups(name),
  expected: 50_000,
  expectedPerClass: 50,
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
    parts: single(50_000, 50),
    scoring: classification(null),
    labels: null,
    items: 'images',
    stored: null,
    frames: one,
    classes: ['any'],
    isClean: true,
    ofValidation: true,
  },
  {
    id: 'a',
    name: 'ImageNet-A',
    description: 'natural images a ResNet-50 gets wrong, 200 classes',
    source: { archives: ['imagenet-a.tar'], size: '0.7 GB', layout: 'imagenet-a/<wnid>/*.jpg' },
    roots: ['imagenet-a', 'ImageNet-A', 'imagenet-a/imagenet-a'],
    parts: single(7500),
    scoring: classification('a'),
    labels: subset('a'),
    items: 'images',
    stored: null,
    frames: one,
    classes: IMAGENET,
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
    scoring: corruptionErrors,
    labels: thousand,
    items: 'images',
    stored: 224,
    frames: one,
    classes: IMAGENET,
    ofValidation: true,
    variants: 'corruptions',
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
    scoring: detection,
    labels: subset('o'),
    items: 'images',
    stored: null,
    frames: one,
    classes: IMAGENET,
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
    scoring: perturbationStability,
    labels: thousand,
    items: 'clips',
    stored: 224,
    frames: (part) => (part === 'translate' ? 41 : 31),
    classes: IMAGENET,
    ofValidation: true,
    variants: 'perturbations',
  },
  {
    id: 'r',
    name: 'ImageNet-R',
    description: 'art, cartoons, sculptures and other renditions, 200 classes',
    source: { archives: ['imagenet-r.tar'], size: '2.2 GB', layout: 'imagenet-r/<wnid>/*.jpg' },
    roots: ['imagenet-r', 'ImageNet-R', 'imagenet-r/imagenet-r'],
    parts: single(30_000),
    scoring: classification('r'),
    labels: subset('r'),
    items: 'images',
    stored: null,
    frames: one,
    classes: IMAGENET,
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
      expectedPerClass: 450,
      ...(NINE_REQUIRED.includes(name) ? {} : { optional: true as const }),
    })),
    scoring: backgrounds,
    labels: () => imagenet9Classes().folders,
    items: 'images',
    stored: 224,
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
    parts: single(null),
    scoring: classification(null),
    labels: thousand,
    items: 'images',
    stored: null,
    frames: one,
    classes: IMAGENET,
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
    parts: single(50_000, 50),
    scoring: classification(null),
    labels: thousand,
    items: 'images',
    stored: 224,
    frames: one,
    classes: IMAGENET,
    ofValidation: true,
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
