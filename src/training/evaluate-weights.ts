import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatasetSpec } from '../data/dataset.ts';
import { Loader } from '../data/loader.ts';
import { normalization, type Normalization } from '../data/normalization.ts';
import type { Failure } from '../data/render.ts';
import type { EvalConfig } from '../data/transform.ts';
import { openTensors } from '../formats/open.ts';
import { officialNames } from '../formats/names.ts';
import type { TensorFile } from '../formats/tensor-file.ts';
import type { Model } from '../models/model.ts';
import { createModel } from '../models/registry.ts';
import { loadRecipe, RECIPES, type LoadedRecipe } from '../recipe/load.ts';
import type { Recipe } from '../recipe/schema.ts';
import { evalConfig } from '../recipe/transforms.ts';
import { FrameworkError } from '../util/errors.ts';
import { datasetOf, normalizationOf } from './data.ts';
import { weightsFile } from './initial-weights.ts';
import { modelOfRecipe } from './recipe-model.ts';
import { checkRunRecipe, isRunFolder, runFolder } from './run-folder.ts';
import type { Weights } from './session.ts';

/** What a command says about the weights it wants to use. */
export interface WeightsRequest {
  /** A file of weights or a run folder. */
  readonly checkpoint: string;
  /** The model, where the checkpoint is a bare file. */
  readonly model: string | undefined;
  /** `key=value` in a recipe's terms: `model.kernels=31`, `data.imageSize=288`, `evaluation.resize=256`. */
  readonly overrides: readonly string[];
  readonly weights: Weights;
  /** Which state dict of a .pth with several. */
  readonly entry?: string | undefined;
}

/** Weights with everything needed to use them. */
export interface ResolvedWeights {
  readonly file: string;
  readonly model: Model;
  readonly imageSize: number;
  readonly normalization: Normalization;
  readonly evalConfig: EvalConfig;
  /** The run's recipe, where the checkpoint is a run. */
  readonly recipe: Recipe | undefined;
  /** The data set that was named: the run's, or for a bare file the one of `--set data.dataset`. */
  readonly data: Recipe['data'] | undefined;
}

/**
 * Works out the model and the preprocessing: a run's from its recipe; a bare file's from `--model` and the model's own published
 * preprocessing, both changed by the overrides.
 */
export async function resolveWeights(request: WeightsRequest): Promise<ResolvedWeights> {
  const file = await weightsFile(request.checkpoint, request.weights);
  const classes = await classesInFile(file, request.entry);
  if (isRunFolder(request.checkpoint)) {
    const folder = runFolder(request.checkpoint);
    await checkRunRecipe(folder);
    const { recipe } = await loadRecipe(folder.recipe, request.overrides);
    return {
      file,
      model: modelOfRecipe(recipe.model, classes ?? 1000),
      imageSize: recipe.data.imageSize,
      normalization: normalizationOf(recipe),
      evalConfig: evalConfig(recipe),
      recipe,
      data: recipe.data,
    };
  }
  if (request.model === undefined) {
    throw new FrameworkError(
      'model/unnamed',
      `${request.checkpoint} is a file of weights; which model it belongs to was not said.`,
      {
        hint: 'Add --model, for example --model convnext-t; `largekernel models` lists them.',
      },
    );
  }
  return resolveFile(file, request.model, request.overrides, classes);
}

async function resolveFile(
  file: string,
  name: string,
  overrides: readonly string[],
  classes: number | undefined,
): Promise<ResolvedWeights> {
  const { recipe, provenance } = await bareRecipe(name, overrides);
  const model = modelOfRecipe(recipe.model, classes ?? 1000);
  const given = (path: string) => provenance.get(path) === 'command line';
  const imageSize = given('data.imageSize') ? recipe.data.imageSize : defaultSize(model);
  const published = model.preprocessing(imageSize);
  const own = evalConfig(recipe);
  const named = normalization(published.normalization);
  return {
    file,
    model,
    imageSize,
    normalization: given('data.mean') || given('data.std') ? normalizationOf(recipe) : named,
    evalConfig: {
      resize: given('evaluation.resize') ? own.resize : published.resize,
      crop: given('evaluation.crop') ? own.crop : published.crop,
      squash: given('evaluation.squash') ? own.squash : published.squash,
      interpolation: given('evaluation.interpolation') ? own.interpolation : published.interpolation,
    },
    recipe: undefined,
    data: given('data.dataset') ? recipe.data : undefined,
  };
}

export function defaultSize(model: Model): number {
  return model.family === 'resnet-cifar' ? 32 : 224;
}

/** A recipe that says nothing but the model, so that bare files take the same `--set` keys as runs. */
export async function bareRecipe(name: string, overrides: readonly string[]): Promise<LoadedRecipe> {
  createModel(name); // a misspelt name is this command's error, not the recipe's
  return loadRecipe(join(RECIPES, 'base', 'weights.yaml'), [`model.name=${name}`, ...overrides]);
}

/** Rows of the classifier in a file, where its last layer has one of the usual names. */
async function classesInFile(path: string, entry?: string): Promise<number | undefined> {
  const file = officialNames(await openTensors(path, { entry }));
  try {
    return classesOf(file);
  } finally {
    await file.close();
  }
}

/** Rows of the classifier of a file in official names. */
export function classesOf(file: Pick<TensorFile, 'names' | 'info'>): number | undefined {
  const head = ['head.weight', 'fc.weight', 'linear.weight', 'head.fc.weight'].find((name) =>
    file.names().includes(name),
  );
  return head === undefined ? undefined : file.info(head).shape[0];
}

/** The images a command evaluates on: a folder of classes, or the evaluation split of the named data set. */
export function evaluationData(
  resolved: ResolvedWeights,
  root: string | undefined,
  split: string | undefined,
): DatasetSpec {
  const { data } = resolved;
  if (data !== undefined) {
    const changed = { ...data, root: root ?? data.root, valSplit: split ?? data.valSplit };
    return datasetOf({ data: changed }, 'val');
  }
  if (root === undefined)
    throw new FrameworkError('data/no-root', 'A file of weights was given, but no images.', {
      hint: 'Add --data <folder>, or --set data.dataset=<name> for a data set known by name.',
    });
  // Either the folder that holds the split, or the split itself.
  return {
    kind: 'folder',
    root,
    split: split ?? (existsSync(join(root, 'val')) ? 'val' : '.'),
    classList: 'auto',
  };
}

/** Opens images for evaluation with the weights' own preprocessing. */
export async function openImages(
  resolved: ResolvedWeights,
  dataset: DatasetSpec,
  options: {
    readonly batch: number;
    readonly workers: number;
    readonly onError: 'skip' | 'fail';
    readonly onFailure: (failure: Failure) => void;
  },
): Promise<Loader> {
  const { imageSize: size, normalization: norm, evalConfig: config } = resolved;
  return Loader.open({
    dataset,
    pipeline: { size, normalization: norm, mode: 'eval', eval: config },
    batchSize: options.batch,
    workers: options.workers,
    seed: 0,
    onError: options.onError,
    onFailure: options.onFailure,
  });
}
