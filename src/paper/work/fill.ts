/** What fills the missing cells of a paper's row: commands, one after the other. */
import { DATASETS } from '../../data/datasets.ts';
import type { Model } from '../../models/model.ts';
import { createModel, familyOf } from '../../models/registry.ts';
import { loadRecipe } from '../../recipe/load.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { isAnalysis } from '../../robustness/analyses/registry.ts';
import { plan } from '../../robustness/benchmarks/evaluation/units.ts';
import { findBenchmark } from '../../robustness/benchmarks/records.ts';
import { modelOfRecipe } from '../../training/weights/recipe-model.ts';
import { loadSweep } from '../../sweeps/sweep.ts';
import { STEP_OVER_FORWARD } from '../../training/planning/cards.ts';
import { VIT_B_224, type PaperModel } from '../../report/paper-models.ts';
import { macsOf } from './cost.ts';
import {
  analysisStep,
  attackStep,
  benchmarkStep,
  type Common,
  type Images,
  type Target,
} from './measures.ts';
import type { Step } from './step.ts';

/** Folders and words of commands. */
export interface Places {
  /** Holds the benchmarks as downloaded, `train` and `val` among them. */
  readonly data: string;
  /** Holds official files of weights. */
  readonly weights: string;
  /** ImageNet-22k, one folder for each class. */
  readonly data22k: string;
  readonly runs: string;
  readonly common: Common;
}

/** Commands of the page: the folders are the reader's. */
export const READERS: Places = {
  data: '$DATA',
  weights: '$WEIGHTS',
  data22k: '$DATA22K',
  runs: 'runs',
  common: [],
};

/** Images of ImageNet's validation set. */
export const VAL_IMAGES = 50_000;
/** Those of the transfer attack: five of each class. */
const TAIG_IMAGES = 5000;
export const DINO_FILE = 'dino_deitsmall16_pretrain.pth';

/** A row's weights, and what makes them where no file was released. */
export interface RowWeights {
  readonly target: Target;
  readonly training: readonly Step[];
  /** A run of a sweep measures benchmarks by itself. */
  readonly measured: readonly string[];
}

/** @param own the weights that there already are */
export async function rowWeights(
  name: string,
  row: PaperModel,
  places: Places,
  own: string | undefined,
): Promise<RowWeights> {
  const imageSize = row.imageSize ?? 224;
  const model = modelOfRow(row, imageSize);
  const at = (checkpoint: string): Target => ({ name, checkpoint, model, imageSize });
  if (own !== undefined) return { target: at(own), training: [], measured: [] };
  if (row.file !== undefined)
    return { target: at(`${places.weights}/${row.file}`), training: [], measured: [] };
  if (row.sweep !== undefined) {
    const { step, folder, measured } = await sweepRun(row.sweep, places);
    return { target: at(folder), training: [step], measured };
  }
  const training: Step[] = [];
  let before: string | undefined;
  for (const recipe of row.recipes ?? []) {
    training.push(await trainStep(recipe, places, before));
    before = `${places.runs}/${recipe}`;
  }
  return { target: at(before ?? 'FILE'), training, measured: [] };
}

const models = new Map<PaperModel, Model>();

/** Recorded once: a page asks for each row many times. */
function modelOfRow(row: PaperModel, imageSize: number): Model {
  const before = models.get(row);
  if (before !== undefined) return before;
  const { fixedSize } = familyOf(row.model);
  const kernels = row.kernels?.at(-1);
  const options = { ...(kernels === undefined ? {} : { kernels }), ...(fixedSize ? { imageSize } : {}) };
  const model = createModel(row.model, options);
  models.set(row, model);
  return model;
}

async function trainStep(name: string, places: Places, init: string | undefined): Promise<Step> {
  const { recipe } = await loadRecipe(name);
  const data = recipe.data.dataset === 'imagenet' ? places.data : places.data22k;
  return {
    title: `train ${name}`,
    command: [
      ...['train', '--recipe', name, '--data', data],
      ...(init === undefined ? [] : ['--init', init]),
      ...places.common,
    ],
    run: `${places.runs}/${name}`,
    work: trainingWork(recipe, recipe.model.classes ?? 1000),
  };
}

/** Images of ImageNet-22k (fall 2011), of which `recipes/base/imagenet-22k.yaml` has all. */
const IMAGES_22K = 14_197_122;

/**
 * What a run costs: a step takes as much as three forward passes of its images.
 * @param all the training images that there are; default: as published
 */
export function trainingWork(
  recipe: Recipe,
  classes: number,
  all = DATASETS[recipe.data.dataset]?.trainingImages ?? IMAGES_22K,
): Step['work'] {
  const { data, schedule } = recipe;
  const model = modelOfRecipe(recipe, classes);
  const images = Math.min(data.limitTrain ?? all, all) * schedule.epochs;
  const { imageSize } = data;
  const passes = STEP_OVER_FORWARD * images;
  return [{ model: model.name, imageSize, options: model.config, passes, macs: macsOf(model, imageSize) }];
}

async function sweepRun({ name, point }: NonNullable<PaperModel['sweep']>, places: Places) {
  const sweep = await loadSweep(name);
  const id = `${point}-seed${sweep.seeds[0] ?? 0}`;
  const set = [...sweep.set, ...(sweep.points.find(({ label }) => label === point)?.set ?? [])];
  const { recipe } = await loadRecipe(
    sweep.recipe,
    set.map(({ key, text }) => `${key}=${text}`),
  );
  const { data, common } = places;
  const training = trainingWork(recipe, recipe.model.classes ?? 1000);
  const folder = `${places.runs}/sweeps/${name}/${id}`;
  const step: Step = {
    title: `train ${name}, ${point}`,
    run: folder,
    command: ['ablate', name, '--only', id, '--data', data, '--benchmark-data', data, ...common],
    work: [...training, ...training.map((one) => ({ ...one, passes: measuredPasses(sweep.evaluations) }))],
  };
  return { step, folder, measured: sweep.evaluations };
}

/** Images of the benchmarks that a run of a sweep measures by itself, besides the validation images. */
function measuredPasses(ids: readonly string[]): number {
  return ids
    .filter((id) => id !== 'val')
    .reduce((sum, id) => sum + plan(findBenchmark(id), undefined, {}).forwardPasses, 0);
}

/** The commands that measure some benchmarks, analyses and attacks of weights. @param ids as results name them */
export function measureSteps(target: Target, ids: readonly string[], places: Places): Step[] {
  const { data, weights, common } = places;
  const labelled: Images = {
    data,
    dataRoot: undefined,
    count: VAL_IMAGES,
    limit: undefined,
    isGenerated: false,
  };
  const plain = ids.filter((id) => !isAnalysis(id) && !id.startsWith('attack-'));
  const benchmarks = { ...labelled, data: undefined, dataRoot: data };
  return [
    ...(plain.length === 0 ? [] : [benchmarkStep(target, plain, benchmarks, common)]),
    ...ids.flatMap((id): Step[] => {
      if (plain.includes(id)) return [];
      if (id === 'attack-saved') return [transferStep(target, places)];
      if (id.startsWith('attack-')) return [attackStep([target], id.slice(7), [], labelled, common)];
      const options = id === 'occlusion' ? { saliency: `${weights}/${DINO_FILE}` } : {};
      return [analysisStep([target], id, options, labelled, common)];
    }),
  ];
}

/** Table 4: images made on ViT-B for convnets, on RepLKNet-31B for transformers. */
function transferStep(target: Target, { data, weights, common }: Places): Step {
  const isTransformer = familyOf(target.model.name).name === 'vit';
  const surrogate: Target = isTransformer
    ? {
        name: 'RepLKNet-31B',
        checkpoint: `${weights}/RepLKNet-31B_ImageNet-22K-to-1K_224.pth`,
        model: createModel('replknet-31b'),
        imageSize: 224,
      }
    : { name: 'ViT-B', checkpoint: `${weights}/${VIT_B_224}`, model: createModel('vit-b16'), imageSize: 224 };
  const images: Images = {
    data,
    dataRoot: undefined,
    count: VAL_IMAGES,
    limit: TAIG_IMAGES,
    isGenerated: false,
  };
  return attackStep([surrogate], 'taig-r', [], images, common, { transfer: [target] });
}
