/** The `--set` keys that have an effect where weights are used, not trained. */
import { overriddenPaths } from '../../recipe/load.ts';
import { recipePaths } from '../../recipe/parse.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { noEffect, refuseIdle } from '../effects.ts';

/** What a command uses weights for. */
export type WeightsUse =
  | 'evaluate'
  | 'evaluate --benchmarks'
  | 'analyze'
  | 'attack'
  | 'analyze stimuli'
  | 'analyze weights'
  | 'predict'
  | 'merge'
  | 'export'
  | 'convert';

/** All of `model` but how it is trained. */
const MODEL = recipePaths()
  .filter(([path, field]) => path.startsWith('model.') && field.onlyTraining !== true)
  .map(([path]) => path);
/** How images reach a model. */
export const PIXELS = [
  ...['imageSize', 'mean', 'std'].map((key) => `data.${key}`),
  ...['resize', 'crop', 'squash', 'interpolation'].map((key) => `evaluation.${key}`),
];
/** Where the images of an evaluation are. */
const SOURCE = ['data.format', 'data.root', 'data.valSplit'];
const IMAGES = [...MODEL, 'data.dataset', 'data.classes', ...PIXELS];

const EFFECTIVE: Readonly<Record<WeightsUse, readonly string[]>> = {
  evaluate: [...IMAGES, ...SOURCE],
  'evaluate --benchmarks': [...IMAGES, ...SOURCE],
  analyze: [...IMAGES, ...SOURCE],
  attack: [...IMAGES, ...SOURCE],
  // The stimuli of the shape bias are no data set of the model's.
  'analyze stimuli': IMAGES,
  'analyze weights': [...MODEL, 'data.dataset', 'data.classes', 'data.imageSize'],
  predict: IMAGES,
  merge: IMAGES,
  export: [...MODEL, 'data.dataset', 'data.classes', 'data.imageSize'],
  convert: [...MODEL, 'data.dataset', 'data.classes'],
};

export interface Settings {
  readonly overrides: readonly string[];
  readonly use: WeightsUse;
  readonly isRun: boolean;
  /** Keys in whose place an option was given: the option. */
  readonly replaced?: ReadonlyMap<string, string> | undefined;
}

/**
 * Refuses keys of the command line that change nothing in what a command makes of weights.
 * @throws FrameworkError `recipe/no-effect`
 */
export function checkSettings(settings: Settings): void {
  const takes = EFFECTIVE[settings.use];
  const known = recipePaths().map(([key]) => key);
  const paths = overriddenPaths(settings.overrides);
  for (const path of paths) {
    const because = idleBecause(path, paths, settings);
    // A key that is unknown, or holds others, is the parser's to judge.
    if (because === undefined || !known.some((key) => key === path || key.startsWith(`${path}.`))) continue;
    throw noEffect(
      'command line',
      path,
      because,
      `With ${settings.use} these have one: ${takes.join(', ')}.`,
    );
  }
}

function idleBecause(path: string, paths: readonly string[], settings: Settings): string | undefined {
  const { use, isRun, replaced } = settings;
  const option = replaced?.get(path);
  if (option !== undefined) return `${option} takes its place`;
  if (!EFFECTIVE[use].includes(path)) return `${use} makes no use of it`;
  if (!isRun && SOURCE.includes(path) && !paths.includes('data.dataset'))
    return 'data.dataset is not given, and a file of weights has none of its own';
  const isForClasses = use === 'export' || use === 'convert' || use === 'analyze weights';
  if (isRun && isForClasses && path === 'data.dataset') return 'the run has its own classes';
  return undefined;
}

/** The same of keys that depend on the preprocessing as it turned out. */
export function checkModelSettings(
  { overrides, use }: Settings,
  recipe: Recipe,
  resize: number | null,
): void {
  const paths = overriddenPaths(overrides);
  // Benchmarks stored in another size than the model's are resized by this filter, whatever the rest.
  const resizes = use === 'evaluate --benchmarks' || use === 'analyze stimuli';
  const isUsed = (key: string) => resizes && key === 'evaluation.interpolation';
  refuseIdle(
    { ...recipe, evaluation: { ...recipe.evaluation, resize } },
    (key) => paths.includes(key) && !isUsed(key),
    () => 'command line',
  );
}
