import { FrameworkError, nearest } from '../../util/errors.ts';
import { BAR_CORRUPTIONS } from '../corruptions/bar.ts';
import { backgrounds } from '../scoring/backgrounds.ts';
import { anyOfLabels, classification } from '../scoring/classification.ts';
import { corruptionMeans } from '../scoring/corruption-means.ts';
import { corruptionErrors } from '../scoring/corruptions.ts';
import { detection } from '../scoring/detection.ts';
import { outOfDistribution } from '../scoring/out-of-distribution.ts';
import { perturbationStability } from '../scoring/perturbations.ts';
import { imagenetClasses, imagenetSubset } from '../../data/classes.ts';
import { imagenet9Classes } from '../metrics/normalisers.ts';
import type { Benchmark } from './benchmark.ts';
import { barParts, corruptionParts, nineParts, perturbationParts, single } from './part-records.ts';

const IMAGENET = ['imagenet1k'] as const;
const VAL_ROOTS = ['val', 'imagenet/val', 'ILSVRC2012/val', 'ILSVRC2012_img_val', 'ILSVRC/Data/CLS-LOC/val'];
const thousand = (): readonly string[] => imagenetClasses().map(({ id }) => id);
const subset = (letter: 'a' | 'r' | 'o') => (): readonly string[] => imagenetSubset(letter).wnids;
const one = (): number => 1;

/** Recht et al. 2019: three choices among the same candidates, 10 images of each class, in folders named by class index. */
const version2 = (variant: string, note: string): Benchmark => {
  const folder = `imagenetv2-${variant.replaceAll('threshold-', 'threshold')}`;
  return {
    id: `v2-${variant}`,
    name: `ImageNet-V2 ${variant}`,
    description: `new test images, collected as those of ImageNet were: ${note}`,
    source: {
      archives: [`${folder}.tar.gz`],
      size: 'not stated by its makers',
      layout: `${folder}-format-val/<class index>/*.jpeg`,
    },
    roots: [`${folder}-format-val`, `imagenetv2/${folder}-format-val`, folder, `imagenetv2/${folder}`],
    parts: single(10_000, 10),
    scoring: classification(null),
    labels: () => Array.from({ length: 1000 }, (_, index) => String(index)),
    items: 'images',
    stored: null,
    frames: one,
    classes: IMAGENET,
  };
};

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
    roots: VAL_ROOTS,
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
    id: 'real',
    name: 'ImageNet-ReaL',
    description: 'the clean validation images with reassessed labels, several of an image',
    source: {
      archives: ['real.json (google-research/reassessed-imagenet)'],
      size: '0.4 MB',
      layout: 'real.json, and the validation images',
    },
    roots: VAL_ROOTS,
    parts: single(50_000, 50),
    scoring: anyOfLabels,
    labels: thousand,
    labelFile: ['real.json', 'imagenet-real/real.json', 'reassessed-imagenet/real.json'],
    items: 'images',
    stored: null,
    frames: one,
    classes: IMAGENET,
    ofValidation: true,
  },
  version2('matched-frequency', 'chosen as often as ImageNet’s'),
  version2('threshold-0.7', 'chosen by at least 70 % of the people asked'),
  version2('top-images', 'chosen most often'),
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
    id: 'c-bar',
    name: 'ImageNet-C-bar',
    description: '10 corruptions unlike those of C, at 5 severities of the validation images',
    source: {
      archives: ['imagenet_c_bar.tar.gz'],
      size: 'not stated by its makers',
      layout: 'imagenet-c-bar/<corruption>/<severity>/<wnid>/*.JPEG',
    },
    roots: ['imagenet-c-bar', 'imagenet_c_bar', 'ImageNet-C-Bar', 'imagenet_c_bar/imagenet_c_bar'],
    parts: barParts,
    scoring: corruptionMeans(
      BAR_CORRUPTIONS.map(({ name }) => name),
      'bar',
    ),
    labels: thousand,
    items: 'images',
    stored: 224,
    frames: one,
    classes: IMAGENET,
    ofValidation: true,
    variants: 'bar',
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
    parts: nineParts,
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
  {
    id: 'ood',
    name: 'OOD detection',
    description: 'near and far unknown images among known ones, of any folders: AUROC, FPR95, AUPR',
    source: {
      archives: [],
      size: 'no download: any folders of images',
      layout: '--known <folder> --near <folder> --far <folder>',
    },
    roots: [],
    parts: ['in', 'near', 'far'].map((name) => ({
      name,
      folders: [],
      expected: null,
      optional: true as const,
    })),
    scoring: outOfDistribution,
    labels: null,
    fromFolders: true,
    items: 'images',
    stored: null,
    frames: one,
    classes: ['any'],
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
