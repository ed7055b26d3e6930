import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe } from '../recipe/schema.ts';
import { Claim, heldError, tryClaim } from '../util/claim.ts';
import { FrameworkError } from '../util/errors.ts';
import { readJson } from '../util/files.ts';
import { latestCheckpoint, type Checkpoint } from './checkpoints.ts';
import { runFolder, type RunFolder } from './run-folder.ts';

/** What decides where a run goes. */
export interface FolderRequest {
  readonly out: string | undefined;
  /** Insist on going on with an earlier run. */
  readonly resume: boolean;
  readonly maxSteps: number | undefined;
}

/** A folder that this process holds, and where to go on from. */
export interface ChosenFolder {
  readonly folder: RunFolder;
  readonly resume: Checkpoint | undefined;
  readonly claim: Claim;
}

/**
 * With --out, that folder: new, or gone on with if it holds an unfinished run. Without, `runs/<recipe>`, or the first of
 * `runs/<recipe>-2`, … that is free or holds an unfinished run of the very same recipe, and that no other process holds.
 * @throws FrameworkError `held/folder` where another process trains in the folder that was asked for
 */
export async function chooseFolder(
  request: FolderRequest,
  recipe: Recipe,
  hash: string,
  note: (line: string) => void,
): Promise<ChosenFolder> {
  const { out, resume: insist } = request;
  for (let number = 1; ; number++) {
    const root = out ?? join('runs', `${recipe.name}${number === 1 ? '' : `-${number}`}`);
    const folder = runFolder(root);
    // Finished runs are passed by without a claim, which would write into them.
    if ((await startingPoint(folder, hash, request)) === 'unsuitable') continue;
    const claim = await tryClaim(folder.claim, 'training');
    if (!(claim instanceof Claim)) {
      const held = heldError(claim);
      if (out !== undefined || insist) throw held;
      note(`${held.message} Looking for another folder.`);
      continue;
    }
    try {
      // Another process may have trained here since.
      const start = await startingPoint(folder, hash, request);
      if (start !== 'unsuitable') return { folder, resume: start === 'beginning' ? undefined : start, claim };
    } catch (error) {
      await claim.release();
      throw error;
    }
    await claim.release();
  }
}

/** Where a run in this folder begins. @throws FrameworkError where it cannot, and no other folder will do */
async function startingPoint(
  folder: RunFolder,
  hash: string,
  { out, resume: insist, maxSteps }: FolderRequest,
): Promise<Checkpoint | 'beginning' | 'unsuitable'> {
  const state = await stateOf(folder, hash);
  if (state.kind === 'free' || state.kind === 'empty') {
    if (insist) throw nothingToResume(folder.root);
    return 'beginning';
  }
  const goesFurther = maxSteps === undefined || state.checkpoint.info.step < maxSteps;
  if (state.sameRecipe && !state.finished && (goesFurther || out !== undefined)) return state.checkpoint;
  if (out !== undefined) return refuse(folder.root, state);
  return 'unsuitable';
}

type FolderState =
  | { readonly kind: 'free' }
  /** A run that was stopped before its first checkpoint. */
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'run';
      readonly checkpoint: Checkpoint;
      readonly sameRecipe: boolean;
      readonly finished: boolean;
    };

async function stateOf(folder: RunFolder, hash: string): Promise<FolderState> {
  if (!existsSync(folder.environment)) return { kind: 'free' };
  const checkpoint = await latestCheckpoint(folder.checkpoints);
  if (checkpoint === undefined) return { kind: 'empty' };
  const environment = (await readJson(folder.environment)) as { recipeHash?: string };
  const summary = existsSync(folder.summary)
    ? ((await readJson(folder.summary)) as { outcome?: string })
    : {};
  return {
    kind: 'run',
    checkpoint,
    sameRecipe: environment.recipeHash === hash,
    finished: summary.outcome === 'finished',
  };
}

function refuse(root: string, state: FolderState & { kind: 'run' }): never {
  if (state.sameRecipe) {
    throw new FrameworkError(
      'recipe/finished',
      `${root} holds a finished run of this recipe (step ${state.checkpoint.info.step}).`,
      {
        hint: 'Choose another --out to train again, or `largekernel evaluate --checkpoint` to look at it.',
      },
    );
  }
  throw new FrameworkError('recipe/other-run', `${root} holds a run of another recipe than the one given.`, {
    hint: 'Give the same recipe and --set values to go on with it, or another --out.',
  });
}

function nothingToResume(root: string): FrameworkError {
  return new FrameworkError('checkpoint/none', `--resume was given, but ${root} holds no checkpoint.`, {
    hint: 'Leave --resume out to start a new run there.',
  });
}
