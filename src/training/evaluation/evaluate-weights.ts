import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DATASETS } from '../../data/datasets.ts';
import type { DatasetSpec } from '../../data/dataset.ts';
import { Loader } from '../../data/loader.ts';
import { normalization, type Normalization } from '../../data/normalization.ts';
import type { Failure } from '../../data/render.ts';
import type { EvalConfig } from '../../data/transform.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import { requireClassifier, type Model } from '../../models/model.ts';
import { loadRecipe, overriddenPaths, type LoadedRecipe } from '../../recipe/load.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { evalConfig } from '../../recipe/transforms.ts';
import { FrameworkError } from '../../util/errors.ts';
import { existsNow } from '../../util/files.ts';
import { datasetOf, normalizationOf } from '../data.ts';
import { assumptions, recogniseTold } from '../weights/told.ts';
import { classesOfFile, classesOfRun, type ModelClasses } from '../weights/model-classes.ts';
import { describePreprocessing, saidPreprocessing } from '../weights/preprocessing.ts';
import { leftOutNote, openWeights } from '../weights/open-weights.ts';
import { publishedAs } from '../weights/published/list.ts';
import type { PublishedWeights } from '../weights/published/record.ts';
import { bareRecipe, classesOf, modelOfFile, modelOfRecipe } from '../weights/recipe-model.ts';
import { checkModelSettings, checkSettings, type Settings, type WeightsUse } from '../weights/settings.ts';
import { variantOf } from '../weights/variant.ts';
import { saidOf } from '../weights/recognise.ts';
import { checkRunRecipe, isRunFolder, runFolder } from '../run/run-folder.ts';
import type { Weights } from '../step/session.ts';

/** A command's options about the weights it uses. */
export interface WeightsRequest {
  /** A file of weights, a run folder, or the name of published weights. */
  readonly checkpoint: string;
  /** The model, where the checkpoint is a bare file. */
  readonly model: string | undefined;
  /** `key=value` in a recipe's terms: `model.kernels=31`, `data.imageSize=288`, `evaluation.resize=256`. */
  readonly overrides: readonly string[];
  /** The purpose; keys that have no effect for it are refused. */
  readonly use: WeightsUse;
  /** Keys in whose place an option was given: the option. */
  readonly replaced?: ReadonlyMap<string, string>;
  readonly weights: Weights;
  /** Which state dict of a .pth with several. */
  readonly entry?: string | undefined;
}

/** Weights with everything needed to use them. */
export interface ResolvedWeights {
  readonly file: string;
  /** Which set of the file. */
  readonly entry: string;
  /** `variantOf`: what tells them apart besides the file. */
  readonly variant: string;
  /** Notes: a model that was recognised, tensors that were left out. */
  readonly notes: readonly string[];
  readonly model: Model;
  readonly imageSize: number;
  readonly normalization: Normalization;
  readonly evalConfig: EvalConfig;
  /** The run's recipe, where the checkpoint is a run. */
  readonly recipe: Recipe | undefined;
  /** The data set that was named: the run's, or for a bare file the one of `--set data.dataset`. */
  readonly data: Recipe['data'] | undefined;
  /** The classes of the outputs. */
  readonly classes: ModelClasses;
}

/** Everything that does not depend on where the tensors are. */
type Resolved = Omit<ResolvedWeights, 'file' | 'entry' | 'variant' | 'notes'> & {
  readonly notes?: readonly string[];
};

/** Stands for a model that is not known yet. */
const ANY_MODEL = 'convnext-t';
/** What a model takes depends on which it is. */
const isOfAny = (setting: string) => overriddenPaths([setting]).every((path) => !path.startsWith('model.'));

/**
 * Checks the settings of a request, which takes no file.
 * @throws FrameworkError `recipe/no-effect` for those that change nothing in what it uses weights for
 */
export function checkRequest({ checkpoint, overrides, use, replaced }: WeightsRequest): Settings {
  const settings = { overrides, use, isRun: isRunFolder(checkpoint), replaced };
  checkSettings(settings);
  return settings;
}

/**
 * Works out the model and the preprocessing: a run's from its recipe; a bare file's from `--model`, or from its tensors where they tell,
 * and the model's own published preprocessing, both changed by the overrides.
 * @throws FrameworkError `model/unnamed` where the tensors do not tell
 */
export async function resolveWeights(request: WeightsRequest): Promise<ResolvedWeights> {
  const { checkpoint, overrides, entry, weights, use } = request;
  const isRun = isRunFolder(checkpoint);
  const settings = checkRequest(request);
  const published = isRun ? undefined : publishedAs(checkpoint);
  const named = request.model ?? published?.model;
  const loaded = isRun
    ? await runRecipe(checkpoint, overrides)
    : await bareRecipe(named ?? ANY_MODEL, named === undefined ? overrides.filter(isOfAny) : overrides);
  const file = await openWeights(checkpoint, {
    entry,
    weights,
    model: (found) => {
      if (isRun) return modelOfRecipe(loaded.recipe, classesOf(found) ?? 1000);
      return named === undefined ? undefined : modelOfFile(loaded, found);
    },
  });
  try {
    const resolved = isRun
      ? await resolveRun(checkpoint, loaded, classesOf(file))
      : published === undefined
        ? await resolveNamed(request, file)
        : await resolvePublished(published, request, file);
    if (use !== 'convert' && use !== 'merge') requireClassifier(resolved.model);
    checkModelSettings(settings, loaded.recipe, resolved.evalConfig.resize);
    const variant = variantOf(file, resolved.model, overrides);
    const notes = [...(resolved.notes ?? []), ...leftOutNote(file)];
    return { ...resolved, file: file.path, entry: file.entry, variant, notes };
  } finally {
    await file.close();
  }
}

/** For a file whose model the user named, or which its tensors identify; the latter is printed. */
async function resolveNamed(
  { model, overrides, checkpoint, use }: WeightsRequest,
  file: TensorFile,
): Promise<Resolved> {
  const said = async (name: string) => {
    const settings = await saidPreprocessing(file, name, overrides);
    const note = `preprocessing, as the file says: ${settings.join(' ')}`;
    return { settings, notes: settings.length > 0 ? [note] : [] };
  };
  if (model !== undefined) {
    const { settings, notes } = await said(model);
    const all = [...saidOf(file, model), ...settings, ...overrides];
    return { ...(await resolveFile(model, all, file)), notes };
  }
  const known = await recogniseTold(file, checkpoint, overrides);
  const { name } = known.model;
  const more = await said(name);
  const resolved = await resolveFile(name, [...known.settings, ...more.settings, ...overrides], file);
  const usesImages = !['convert', 'merge', 'export', 'analyze weights'].includes(use);
  const preprocessing = more.notes.length > 0 ? more.notes : [describePreprocessing(name, resolved)];
  const notes = [
    `model: ${[name, ...known.settings].join(' ')}, by its tensors`,
    ...assumptions(known, checkpoint, overrides),
    ...(usesImages ? preprocessing : []),
  ];
  return { ...resolved, notes };
}

/** Published weights have the preprocessing of their published accuracy, and ImageNet's classes. */
async function resolvePublished(
  { name, model, classes, set }: PublishedWeights,
  request: WeightsRequest,
  file: TensorFile,
): Promise<Resolved> {
  const said = overriddenPaths(request.overrides);
  const known = classes === 1000 ? [...set, 'data.classes=imagenet-1k'] : set;
  const settings = known.filter((setting) => !said.some((path) => setting.startsWith(`${path}=`)));
  const notes = [`${name}: ${[model, ...settings].join(' ')}`];
  return { ...(await resolveFile(request.model ?? model, [...settings, ...request.overrides], file)), notes };
}

async function runRecipe(root: string, overrides: readonly string[]): Promise<LoadedRecipe> {
  const folder = runFolder(root);
  await checkRunRecipe(folder);
  return loadRecipe(folder.recipe, overrides);
}

async function resolveRun(
  root: string,
  { recipe, provenance }: LoadedRecipe,
  count = 1000,
): Promise<Resolved> {
  const model = modelOfRecipe(recipe, count);
  const isSaid = provenance.get('data.classes') === 'command line';
  return {
    model,
    imageSize: recipe.data.imageSize,
    normalization: normalizationOf(recipe),
    evalConfig: evalConfig(recipe),
    recipe,
    data: recipe.data,
    classes: await classesOfRun(runFolder(root), recipe, model.config.classes, isSaid),
  };
}

async function resolveFile(name: string, overrides: readonly string[], file: TensorFile): Promise<Resolved> {
  const loaded = await bareRecipe(name, overrides);
  const { recipe, provenance } = loaded;
  const model = modelOfFile(loaded, file);
  const given = (path: string) => provenance.get(path) === 'command line';
  const imageSize = given('data.imageSize') ? recipe.data.imageSize : model.imageSize;
  const published = model.preprocessing(imageSize);
  const own = evalConfig(recipe);
  const { mean, std } = normalization(published.normalization);
  const said = normalizationOf(recipe);
  return {
    model,
    imageSize,
    normalization: {
      mean: given('data.mean') ? said.mean : mean,
      std: given('data.std') ? said.std : std,
    },
    evalConfig: {
      resize: given('evaluation.resize') ? own.resize : published.resize,
      crop: given('evaluation.crop') ? own.crop : published.crop,
      squash: given('evaluation.squash') ? own.squash : published.squash,
      interpolation: given('evaluation.interpolation') ? own.interpolation : published.interpolation,
    },
    recipe: undefined,
    data: given('data.dataset') ? recipe.data : undefined,
    classes: classesOfFile(file.path, file.metadata, model.config.classes, {
      classes: given('data.classes') ? recipe.data.classes : undefined,
      dataset: given('data.dataset') ? recipe.data.dataset : undefined,
    }),
  };
}

/** The images a command evaluates on: a folder of classes, or the evaluation split of the named data set; labelled by the weights' classes. */
export function evaluationData(
  resolved: ResolvedWeights,
  root: string | undefined,
  split: string | undefined,
): DatasetSpec {
  const { data, classes } = resolved;
  if (data !== undefined) {
    if (root !== undefined && split === undefined) checkDepth(data, root);
    const changed = { ...data, root: root ?? data.root, valSplit: split ?? data.valSplit };
    return datasetOf({ data: changed }, 'val', classes.target);
  }
  if (root === undefined)
    throw new FrameworkError('data/no-root', 'A file of weights was given, but no images.', {
      hint: 'Add --data <folder>, or --set data.dataset=<name> for a data set known by name.',
    });
  // Either the folder that holds the split, or the split itself.
  return {
    kind: 'folder',
    root,
    split: split ?? (existsNow(join(root, 'val')) ? 'val' : '.'),
    classes: classes.target,
  };
}

/** A run's images lie in a split below `--data`; the split itself is easily given instead. */
function checkDepth({ valSplit, format, dataset }: Recipe['data'], root: string): void {
  const isFolder = (format ?? DATASETS[dataset]?.kind) === 'folder';
  if (!isFolder || !existsNow(root) || existsNow(join(root, valSplit))) return;
  throw new FrameworkError(
    'data/not-found',
    `--data ${root} has no folder ${valSplit}, which the run evaluates on.`,
    { hint: whereSplitIs(root, valSplit) },
  );
}

/** What to give in place of a folder that is a split itself, lies in one, or is too high. */
function whereSplitIs(root: string, split: string): string {
  const has = (folder: string) => existsNow(join(folder, split));
  const full = resolve(root);
  const parent = dirname(full);
  if (has(parent))
    return `It seems to be a split itself: give the folder above it, --data ${dirname(root)}, with --split ${basename(full)} for these images.`;
  if (has(dirname(parent)))
    return `It seems to be a class of ${basename(parent)}: give --data ${dirname(parent)}.`;
  const entries = statSync(full).isDirectory() ? readdirSync(full, { withFileTypes: true }) : [];
  const below = entries.find((entry) => entry.isDirectory() && has(join(full, entry.name)));
  if (below !== undefined)
    return `It is too high: ${join(root, below.name)} has one; give --data ${join(root, below.name)}.`;
  return 'Give the folder that holds the split, or --split . if its class folders lie there directly.';
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
