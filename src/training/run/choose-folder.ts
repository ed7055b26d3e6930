import { join } from 'node:path';
import type { Recipe } from '../../recipe/schema.ts';
import { Claim, heldError, tryClaim } from '../../util/claim.ts';
import { FrameworkError } from '../../util/errors.ts';
import { exists } from '../../util/files.ts';
import { listCheckpoints, resumePoint, type Checkpoint, type Damaged } from './checkpoints.ts';
import { readIdentity, readSummary, runFolder, type RunFolder } from './run-folder.ts';

/** What determines the folder of a run. */
export interface FolderRequest {
  readonly out: string | undefined;
  /** Insist on going on with an earlier run. */
  readonly resume: boolean;
  readonly maxSteps: number | undefined;
}

/** A folder, and where to go on from. */
export interface ChosenFolder {
  readonly folder: RunFolder;
  readonly resume: Checkpoint | undefined;
  /** Newer checkpoints than that, which --resume passes over. */
  readonly damaged: readonly Damaged[];
  /** By which this process holds the folder; undefined where another rank does. */
  readonly claim: Claim | undefined;
}

/** A folder that this process holds. */
interface HeldFolder extends ChosenFolder {
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
): Promise<HeldFolder> {
  const { out, resume: insist } = request;
  for (let number = 1; ; number++) {
    const root = out ?? join('runs', `${recipe.name}${number === 1 ? '' : `-${number}`}`);
    const folder = runFolder(root);
    // Finished runs are passed by without a claim, which would write into them.
    if (!isSuitable(folder, await stateOf(folder, hash), request)) continue;
    const claim = await tryClaim(folder.claim, 'training');
    if (!(claim instanceof Claim)) {
      const held = heldError(claim);
      if (out !== undefined || insist) throw held;
      note(`${held.message} Looking for another folder.`);
      continue;
    }
    try {
      // Another process may have trained here since.
      const state = await stateOf(folder, hash);
      if (isSuitable(folder, state, request))
        return { folder, claim, ...(await startingPoint(folder, state, insist)) };
    } catch (error) {
      await claim.release();
      throw error;
    }
    await claim.release();
  }
}

/** Whether a run can begin or go on in this folder. @throws FrameworkError where it cannot, and no other folder will do */
function isSuitable(
  folder: RunFolder,
  state: FolderState,
  { out, resume: insist, maxSteps }: FolderRequest,
): boolean {
  if (state.kind === 'free' || state.kind === 'empty') {
    if (insist) throw nothingToResume(folder.root);
    return true;
  }
  const goesFurther = maxSteps === undefined || state.step < maxSteps;
  if (state.sameRecipe && !state.finished && (goesFurther || out !== undefined)) return true;
  if (out !== undefined) return refuse(folder.root, state);
  return false;
}

/** The state from which a run in this folder resumes. It has been verified. */
async function startingPoint(
  folder: RunFolder,
  state: FolderState,
  passDamaged: boolean,
): Promise<Pick<ChosenFolder, 'resume' | 'damaged'>> {
  const point = state.kind === 'run' ? await resumePoint(folder.checkpoints, passDamaged) : undefined;
  if (state.kind !== 'run' || point === undefined) return { resume: undefined, damaged: [] };
  if (point.checkpoint.info.recipeHash !== state.recipeHash)
    throw foreignCheckpoint(folder, point.checkpoint);
  return { resume: point.checkpoint, damaged: point.damaged };
}

type FolderState =
  | { readonly kind: 'free' }
  /** A run that was stopped before its first checkpoint. */
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'run';
      /** The step of its newest checkpoint. */
      readonly step: number;
      readonly recipeHash: string;
      readonly sameRecipe: boolean;
      readonly finished: boolean;
    };

/** Nothing is taken for absent unless the system says that it is: a folder that cannot be read is no free one. */
async function stateOf(folder: RunFolder, hash: string): Promise<FolderState> {
  const step = (await listCheckpoints(folder.checkpoints)).at(-1);
  if (!(await exists(folder.environment))) {
    if (step !== undefined) throw unknownRun(folder);
    return { kind: 'free' };
  }
  const { recipeHash } = await readIdentity(folder);
  if (step === undefined) return { kind: 'empty' };
  const finished = (await readSummary(folder))?.outcome === 'finished';
  return { kind: 'run', step, recipeHash, sameRecipe: recipeHash === hash, finished };
}

function unknownRun({ root, environment }: RunFolder): FrameworkError {
  return new FrameworkError(
    'checkpoint/no-identity',
    `${root} holds checkpoints, but not ${environment}: which run they belong to is not known.`,
    { hint: 'Restore that file from a copy, or choose another --out.' },
  );
}

function foreignCheckpoint({ root }: RunFolder, { folder }: Checkpoint): FrameworkError {
  return new FrameworkError('checkpoint/other-run', `${folder} is of another recipe than the run ${root}.`, {
    hint: 'It was copied there from another run: move it away, or choose another --out.',
  });
}

function refuse(root: string, state: FolderState & { kind: 'run' }): never {
  if (state.sameRecipe) {
    throw new FrameworkError(
      'recipe/finished',
      `${root} holds a finished run of this recipe (step ${state.step}).`,
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
