import { chosenClasses } from '../data/class-choice.ts';
import { DATASETS, namedDataset } from '../data/datasets.ts';
import type { ClassList, ClassTarget, DatasetKind, DatasetSpec } from '../data/dataset.ts';
import { Loader } from '../data/loader.ts';
import { normalization, type Normalization } from '../data/normalization.ts';
import type { Pipeline } from '../data/render.ts';
import type { Failure } from '../data/render.ts';
import { applyErasing, drawErasing } from '../data/augment/erasing.ts';
import { applyMix, drawMix, mixTargets, type MixPlan } from '../data/augment/mix.ts';
import type { Recipe } from '../recipe/schema.ts';
import { augmentConfig, evalConfig } from '../recipe/transforms.ts';
import { FrameworkError } from '../util/errors.ts';
import { Rng } from '../util/rng.ts';
import { availableParallelism } from 'node:os';

/** The data set of a recipe. @param classes the list that labels index; default: that of `data.classes` */
export function datasetOf(
  recipe: Pick<Recipe, 'data'>,
  split: 'train' | 'val',
  classes?: ClassTarget,
): DatasetSpec {
  const { dataset, root, format, trainSplit, valSplit } = recipe.data;
  return namedDataset(dataset, split === 'train' ? trainSplit : valSplit, {
    ...(root === null ? {} : { root }),
    ...(format === null ? {} : { kind: format as DatasetKind }),
    classes: classes ?? recipe.data.classes,
  });
}

/** How many classes a recipe has, where its images need not be there: 1000 where nothing says. */
export function classCountOf({ model, data }: Pick<Recipe, 'model' | 'data'>): number {
  if (model.classes !== null) return model.classes;
  const chosen = chosenClasses(data.classes, DATASETS[data.dataset]?.classList ?? null);
  return typeof chosen === 'object' && 'classes' in chosen ? chosen.classes.length : 1000;
}

export function normalizationOf(recipe: Recipe): Normalization {
  const named = normalization(DATASETS[recipe.data.dataset]?.normalization ?? 'imagenet');
  const triple = (own: readonly number[] | null, other: Normalization['mean']) =>
    own === null ? other : (own as unknown as Normalization['mean']);
  return { mean: triple(recipe.data.mean, named.mean), std: triple(recipe.data.std, named.std) };
}

/** Whether training images are those of evaluation: resized and cropped in the middle, nothing drawn. */
export function isPlain({ augment }: Recipe): boolean {
  const { crop, flip, colorJitter, autoAugment, erasing } = augment;
  return (
    crop === 'center' && flip === 0 && colorJitter === null && autoAugment === null && erasing.prob === 0
  );
}

/** Images of a shard. @throws FrameworkError `recipe/shards` */
function shardSizeOf({ batch: { size, shards } }: Recipe): number {
  if (Number.isInteger(Math.log2(shards)) && size % shards === 0) return size / shards;
  throw new FrameworkError(
    'recipe/shards',
    `batch.shards is ${shards}, batch.size ${size}: a batch is cut into a power of two of equal parts.`,
    { hint: `Use a power of two that divides ${size}, up to ${size & -size}.` },
  );
}

/** Images that share a mix draw, which is also what the loader brings at once: a divisor of a shard. */
export function mixGroupOf(recipe: Recipe): number {
  const size = shardSizeOf(recipe);
  for (let group = Math.min(recipe.augment.mixGroup, size); group > 1; group--)
    if (size % group === 0) return group;
  return 1;
}

function workersOf(recipe: Recipe): number {
  if (recipe.data.workers !== 'auto') return recipe.data.workers;
  return Math.max(1, Math.min(16, availableParallelism() - 1));
}

/** Opens the training images: batches of one mix group each. */
export async function openTraining(recipe: Recipe, onFailure: (failure: Failure) => void): Promise<Loader> {
  const size = recipe.data.imageSize;
  const shared = { size, normalization: normalizationOf(recipe) };
  const pipeline: Pipeline = isPlain(recipe)
    ? { ...shared, mode: 'train', eval: evalConfig(recipe) }
    : {
        ...shared,
        mode: 'train',
        augment: erasesLate(recipe) ? { ...augmentConfig(recipe), erasing: null } : augmentConfig(recipe),
      };
  return Loader.open({
    dataset: datasetOf(recipe, 'train'),
    pipeline,
    batchSize: mixGroupOf(recipe),
    workers: workersOf(recipe),
    seed: recipe.seed,
    shuffle: recipe.data.shuffle,
    repeats: recipe.augment.repeats,
    onError: recipe.data.onError,
    onFailure,
    ...limited(recipe.data.limitTrain),
  });
}

/** Opens the evaluation images, in order. @param classes of training */
export async function openEvaluation(
  recipe: Recipe,
  classes: ClassList,
  batchSize: number,
  onFailure: (failure: Failure) => void,
): Promise<Loader> {
  return Loader.open({
    dataset: datasetOf(recipe, 'val', classes),
    pipeline: {
      size: recipe.data.imageSize,
      normalization: normalizationOf(recipe),
      mode: 'eval',
      eval: evalConfig(recipe),
    },
    batchSize,
    workers: workersOf(recipe),
    seed: recipe.seed,
    onError: recipe.data.onError,
    onFailure,
    ...limited(recipe.data.limitVal),
  });
}

function limited(limit: number | null): { limit?: number } {
  return limit === null ? {} : { limit };
}

/** Robust-ResNet mixes 8-bit images and erases the mixture; everyone else erases first. */
function erasesLate({ augment }: Recipe): boolean {
  return augment.mixOrder === 'mix-then-erase';
}

/** Targets of a group of images, after mixing the images in place if the recipe says so. */
export class TargetMaker {
  private readonly recipe: Recipe;
  private readonly classes: number;

  constructor(recipe: Recipe, classes: number) {
    this.recipe = recipe;
    this.classes = classes;
  }

  /**
   * @param x (n, 3, size, size), changed in place @param group number of the group in the run
   * @returns soft targets (n, classes)
   */
  make(x: Float32Array, labels: Int32Array, group: number): Float32Array {
    const { augment, loss, seed, data } = this.recipe;
    const n = labels.length;
    if (augment.mixup === 0 && augment.cutmix === 0) {
      return mixTargets(unmixed(n), labels, this.classes, loss.labelSmoothing);
    }
    const { mixup, cutmix, mixProb: prob, switchProb, mixMode: mode } = augment;
    const rng = new Rng(seed, 'mix', group);
    const plan = drawMix({ mixup, cutmix, prob, switchProb, mode }, rng, n, data.imageSize, data.imageSize);
    applyMix(plan, x, [n, 3, data.imageSize, data.imageSize]);
    if (erasesLate(this.recipe)) this.finishMixture(x, n, group);
    return mixTargets(plan, labels, this.classes, loss.labelSmoothing);
  }

  /** The order of timm's prefetching loader: the mixture is of bytes, and erased after normalisation. */
  private finishMixture(x: Float32Array, n: number, group: number): void {
    const { augment, seed, data } = this.recipe;
    const size = data.imageSize;
    roundToBytes(x, normalizationOf(this.recipe), size * size);
    for (let i = 0; i < n; i++) {
      const rng = new Rng(seed, 'erase', group * n + i);
      const image = x.subarray(i * 3 * size * size, (i + 1) * 3 * size * size);
      applyErasing(drawErasing(augment.erasing, rng, size, size), rng, image, size, size);
    }
  }
}

/** Rounds normalised images (n, 3, size, size) to 8 bits, as if they had been mixed before normalisation. */
export function roundToBytes(x: Float32Array, { mean, std }: Normalization, plane: number): void {
  for (let i = 0; i < x.length; i++) {
    const channel = Math.floor(i / plane) % 3;
    const [m, s] = [mean[channel] as number, std[channel] as number];
    const byte = Math.min(255, Math.max(0, Math.round(((x[i] as number) * s + m) * 255)));
    x[i] = (byte / 255 - m) / s;
  }
}

function unmixed(n: number): MixPlan {
  return {
    lambda: new Float32Array(n).fill(1),
    blend: new Float32Array(n).fill(1),
    boxes: new Int32Array(n * 4),
  };
}
