/** The runs of a sweep: every point with every seed, each a recipe of its own in a folder of its own. */
import { join, resolve } from 'node:path';
import { loadChecked } from '../training/effects.ts';
import { recipeHash } from '../recipe/resolved.ts';
import type { Recipe } from '../recipe/schema.ts';
import { runFolder, type RunFolder } from '../training/run/run-folder.ts';
import { FrameworkError, messageOf } from '../util/errors.ts';
import { checkSettable, type Point, type Sweep } from './sweep.ts';

export interface SweepRun {
  /** `31-seed0` */
  readonly id: string;
  readonly point: Point;
  readonly seed: number;
  /** `key=value`, for `train --set`. */
  readonly overrides: readonly string[];
  readonly recipe: Recipe;
  /** Hash of everything that results depend on. */
  readonly hash: string;
  readonly folder: RunFolder;
}

export interface SweepRuns {
  readonly sweep: Sweep;
  /** Absolute. */
  readonly root: string;
  readonly runs: readonly SweepRun[];
  /** `key=value` of the command line, for all runs. */
  readonly extra: readonly string[];
}

/**
 * Resolves every run's recipe, so that a mistake in the last point is found before the first run starts.
 * @param root folder of the sweep @param extra `key=value` of the command line, for all runs
 * @throws FrameworkError `recipe/…` naming file and line of the point
 */
export async function expandSweep(sweep: Sweep, root: string, extra: readonly string[]): Promise<SweepRuns> {
  checkExtra(sweep, extra);
  const folder = resolve(root);
  const common = [...sweep.set.map(({ key, text }) => `${key}=${text}`), ...extra];
  const runs: SweepRun[] = [];
  for (const point of sweep.points) {
    for (const seed of sweep.seeds) {
      const id = `${point.label}-seed${seed}`;
      const own = point.set.map(({ key, text }) => `${key}=${text}`);
      const overrides = [...common, ...own, `seed=${seed}`, `name=${sweep.name}-${id}`];
      const recipe = await recipeAt(sweep, point, overrides);
      runs.push({
        id,
        point,
        seed,
        overrides,
        recipe,
        hash: recipeHash(recipe),
        folder: runFolder(join(folder, id)),
      });
    }
  }
  checkDistinct(runs);
  return { sweep, root: folder, runs, extra };
}

async function recipeAt(sweep: Sweep, point: Point, overrides: readonly string[]): Promise<Recipe> {
  try {
    return (await loadChecked(sweep.recipe, overrides)).recipe;
  } catch (error) {
    if (!(error instanceof FrameworkError)) throw error;
    throw new FrameworkError(error.code, `${point.source}: point ${point.label}: ${messageOf(error)}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

/** The axis belongs to the sweep; a setting of the command line that a point replaces would be lost silently. */
function checkExtra(sweep: Sweep, extra: readonly string[]): void {
  for (const text of extra) {
    const key = text.split('=')[0]?.trim() ?? '';
    checkSettable(key, `--set ${text}`);
    const point = sweep.points.find(({ set }) => set.some((setting) => setting.key === key));
    if (point !== undefined) {
      throw new FrameworkError(
        'cli/option',
        `--set ${text} would be replaced: ${key} is set by the points of ${sweep.name}.`,
        { hint: `Change ${point.source}, or copy the sweep.` },
      );
    }
  }
}

function checkDistinct(runs: readonly SweepRun[]): void {
  const seen = new Map<string, SweepRun>();
  for (const run of runs) {
    const before = seen.get(run.hash);
    if (before !== undefined) {
      throw new FrameworkError(
        'recipe/conflict',
        `${run.point.source}: the points ${before.point.label} and ${run.point.label} are the same recipe.`,
        { hint: 'Leave one of them out, or give it settings of its own.' },
      );
    }
    seen.set(run.hash, run);
  }
}
