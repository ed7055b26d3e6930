/** When weights are those of a row of the papers' tables. */
import type { Recipe } from '../recipe/schema.ts';
import type { PaperModel } from '../report/paper-models.ts';

/** Classes of ImageNet-22k. */
const IMAGENET_22K = 21_841;

/** Weights that somebody says are a row's: `RepLKNet-31B` and the first letters of their SHA-256. */
export interface NamedRow {
  readonly row: string;
  readonly sha256: string;
}

/** What is known of weights. */
export interface Known {
  /** Preset. */
  readonly model: string;
  /** SHA-256 of their file; undefined of a run's own evaluation. */
  readonly fingerprint: string | undefined;
  readonly imageSize: number;
  /** Of a run. */
  readonly recipe: Recipe | undefined;
  /** What the run it began from was trained on. */
  readonly before: Recipe | undefined;
}

/** Why weights are not those of a row, or undefined where they are: model, pre-training, recipe and size agree. */
export function whyOther(row: PaperModel, known: Known, named: readonly NamedRow[]): string | undefined {
  if (row.model !== known.model) return `another model, ${known.model}`;
  if (row.imageSize === null) return 'the paper does not say the size of its images';
  if (row.imageSize !== known.imageSize)
    return `an input of ${known.imageSize} px, where the paper has ${row.imageSize}`;
  const { fingerprint } = known;
  const isNamed = named.some(
    ({ row: name, sha256 }) => row.names.includes(name) && fingerprint?.startsWith(sha256) === true,
  );
  if (isNamed || (row.sha256 !== undefined && fingerprint?.startsWith(row.sha256) === true)) return undefined;
  if (known.recipe === undefined) return 'what it was trained on is not known';
  return whyOtherTraining(row, known.recipe, known.before);
}

function whyOtherTraining(row: PaperModel, recipe: Recipe, before: Recipe | undefined): string | undefined {
  const { data, schedule, model } = recipe;
  if (data.dataset !== 'imagenet' || data.limitTrain !== null)
    return `trained on ${trainedOn(recipe, before)}`;
  const trained = trainedOn(recipe, before);
  if (trained !== row.training) return `trained on ${trained}, where the paper has ${row.training}`;
  if (row.epochs !== undefined && schedule.epochs !== row.epochs)
    return `${schedule.epochs} epochs, where the paper has ${row.epochs}`;
  const own = JSON.stringify(model['kernels']);
  if (row.kernels !== undefined && !row.kernels.some((kernels) => JSON.stringify(kernels) === own))
    return `kernels ${own}`;
  return undefined;
}

/** What a run was trained on, in words. */
export function trainedOn({ data, init }: Recipe, before: Recipe | undefined): string {
  const own =
    data.dataset === 'imagenet' && data.limitTrain === null
      ? 'ImageNet-1k'
      : `${data.dataset}${data.limitTrain === null ? '' : `, ${data.limitTrain} images`}`;
  if (init.file === null) return own;
  return before?.model.classes === IMAGENET_22K ? `ImageNet-22k, then ${own}` : `other weights, then ${own}`;
}
