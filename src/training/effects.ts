import { loadRecipe, type LoadedRecipe } from '../recipe/load.ts';
import { recipePaths, valueAt } from '../recipe/parse.ts';
import type { Recipe } from '../recipe/schema.ts';
import { FrameworkError } from '../util/errors.ts';
import { isPlain } from './data.ts';

/** Keys, whether they change anything in a recipe, and why they do not. */
type Rule = readonly [keys: readonly string[], has: (recipe: Recipe) => boolean, because: string];

const RULES: readonly Rule[] = [
  [['augment.scale', 'augment.ratio'], ({ augment }) => augment.crop === 'random-resized', 'augment.crop is not random-resized'],
  [['augment.padding'], ({ augment }) => augment.crop === 'pad-crop', 'augment.crop is not pad-crop'],
  [['augment.interpolation'], isInterpolated, 'nothing is resized or warped with it: the crop takes pixels as they are, or images as in evaluation, whose evaluation.interpolation counts'],
  [
    ['augment.colorJitter'],
    ({ augment }) => augment.autoAugment === null || augment.autoAugment === '3a',
    'augment.autoAugment takes its place',
  ],
  [['augment.erasing.mode', 'augment.erasing.count'], ({ augment }) => augment.erasing.prob > 0, 'augment.erasing.prob is 0'],
  [
    ['augment.mixProb', 'augment.mixMode', 'augment.mixOrder'],
    ({ augment }) => augment.mixup > 0 || augment.cutmix > 0,
    'nothing is mixed: augment.mixup and augment.cutmix are 0',
  ],
  [['augment.switchProb'], ({ augment }) => augment.mixup > 0 && augment.cutmix > 0, 'augment.mixup and augment.cutmix are not both on'],
  [['evaluation.interpolation', 'evaluation.squash'], ({ evaluation }) => evaluation.resize !== null, 'evaluation.resize is null'],
  [['evaluation.ema'], ({ ema }) => ema !== null, 'ema is null'],
  [['optimizer.betas', 'optimizer.eps'], ({ optimizer }) => optimizer.name === 'adamw', 'optimizer.name is sgd'],
  [['optimizer.momentum', 'optimizer.nesterov'], ({ optimizer }) => optimizer.name === 'sgd', 'optimizer.name is adamw'],
  [['schedule.warmupEpochs'], ({ schedule }) => schedule.warmupSteps === null || schedule.unit === 'epoch', 'schedule.warmupSteps takes its place'],
  [['schedule.warmupSteps'], ({ schedule }) => schedule.unit === 'step', 'schedule.unit is epoch'],
  [
    ['schedule.warmupLr'],
    ({ schedule }) => schedule.warmupEpochs > 0 || schedule.warmupSteps !== null,
    'there is no warm-up',
  ],
  [['schedule.lag'], ({ schedule }) => schedule.unit === 'epoch', 'schedule.unit is step'],
  [['distill.temperature'], ({ distill }) => distill?.kind === 'soft', 'distill.kind is not soft'],
  [['model.stemPatch'], ({ model }) => model['stem'] !== 'resnet', 'model.stem is resnet, whose kernel is 7'],
  [['model.headInitScale'], ({ init }) => init.file === null || init.dropHead, 'the classifier comes from init.file'],
  [['init.dropHead'], ({ init }) => init.file !== null, 'init.file is null'],
]; // prettier-ignore

function isInterpolated(recipe: Recipe): boolean {
  const { crop, autoAugment } = recipe.augment;
  const isWarped = autoAugment !== null && autoAugment !== '3a';
  return crop === 'random-resized' || isWarped || (crop === 'center' && !isPlain(recipe));
}

/** `loadRecipe`, for commands that train or plan to: keys without effect are refused. */
export async function loadChecked(
  nameOrFile: string,
  overrides: readonly string[] = [],
): Promise<LoadedRecipe> {
  const loaded = await loadRecipe(nameOrFile, overrides);
  checkEffects(loaded);
  return loaded;
}

/**
 * Refuses keys that change nothing in this recipe: all of the command line, and those of the recipe's own file that differ from the
 * default. (Those below `model` are refused where the recipe is loaded.) What a parent sets holds for recipes of other kinds as well, so it is left in peace; so is the file's part of a section that
 * the command line changes: `--set augment.crop=none` may leave a file's `augment.padding` without work.
 * @throws FrameworkError `recipe/no-effect`
 */
export function checkEffects({ recipe, provenance, overridden, file }: LoadedRecipe): void {
  const defaults = new Map(recipePaths(recipe.model.name).map(([path, field]) => [path, field.default]));
  const sectionOf = (path: string) => path.split('.', 1)[0] ?? '';
  const changed = new Set(overridden.map(sectionOf));
  const isOwn = (path: string) => {
    const source = provenance.get(path) ?? 'default';
    return source === file || source.startsWith(`${file}:`);
  };
  const isAsked = (path: string) => {
    if (provenance.get(path) === 'command line') return true;
    const isDefault = JSON.stringify(valueAt(recipe, path)) === JSON.stringify(defaults.get(path));
    return isOwn(path) && !isDefault && !changed.has(sectionOf(path));
  };
  // The one default that does not say what holds anyway: no warm-up, where a parent has one in steps.
  if (
    isOwn('schedule.warmupEpochs') &&
    recipe.schedule.warmupSteps !== null &&
    !isOwn('schedule.warmupSteps')
  )
    throw noEffect(
      provenance.get('schedule.warmupEpochs') ?? '',
      'schedule.warmupEpochs',
      `schedule.warmupSteps: ${recipe.schedule.warmupSteps} (${provenance.get('schedule.warmupSteps') ?? ''}) takes its place`,
      'Add schedule.warmupSteps: null.',
    );
  refuseIdle(recipe, isAsked, (key) => provenance.get(key) ?? '');
}

/** Refuses keys that were asked for and have no effect in a recipe. @param sourceOf where a key was given */
export function refuseIdle(
  recipe: Recipe,
  isAsked: (key: string) => boolean,
  sourceOf: (key: string) => string,
): void {
  for (const [keys, has, because] of RULES) {
    const key = keys.find(isAsked);
    if (key === undefined || has(recipe)) continue;
    throw noEffect(sourceOf(key), key, because);
  }
}

/** A key that was given and changes nothing. @param source where */
export function noEffect(source: string, key: string, because: string, hint?: string): FrameworkError {
  return new FrameworkError(
    'recipe/no-effect',
    `${source}: ${key} was given, but it has no effect: ${because}.`,
    { hint: hint ?? 'Leave it out, or change what it depends on.' },
  );
}
