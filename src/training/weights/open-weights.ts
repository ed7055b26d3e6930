import { join } from 'node:path';
import { officialNames } from '../../formats/names.ts';
import { openTensors } from '../../formats/open.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import type { Model } from '../../models/model.ts';
import { FrameworkError } from '../../util/errors.ts';
import { checkEntries } from './check-entries.ts';
import { latestCheckpoint, verifyFile } from '../run/checkpoints.ts';
import { pretrainedFile } from './pretrained.ts';
import { publishedAs } from './published/list.ts';
import { recogniseModel } from './recognise.ts';
import { isRunFolder, runFolder } from '../run/run-folder.ts';
import type { Weights } from '../step/session.ts';

/** A request for weights in a file. */
export interface WeightsChoice {
  /** Which set, where the file holds several. */
  readonly entry?: string | undefined;
  /** A run's raw or averaged weights. */
  readonly weights?: Weights;
  /** The model the weights must be of, given a file that may be it; any known one without it. */
  readonly model?: (file: TensorFile) => Model | undefined;
  /** Entries that may be absent or of another shape. */
  readonly without?: ReadonlySet<string>;
}

/**
 * Opens the weights a path or name stands for, in official names: a file, a run's newest checkpoint, or published weights. Where a file
 * holds several sets and none was named, it is the only one that the model takes; every command comes through here.
 * @throws FrameworkError `formats/several-sets`, `formats/unknown-entry`, and what opening throws
 */
export async function openWeights(path: string, choice: WeightsChoice = {}): Promise<TensorFile> {
  const { entry, weights = 'raw', model, without } = choice;
  const fits = async (set: TensorFile): Promise<boolean> => {
    const official = officialNames(set);
    const wanted = model?.(official);
    if (wanted === undefined) return (await recogniseModel(official)) !== undefined;
    try {
      checkEntries(official, path, wanted, without);
      return true;
    } catch (error) {
      if (error instanceof FrameworkError) return false;
      throw error;
    }
  };
  const file = await openTensors(await weightsFile(path, weights), { entry, fits });
  try {
    return officialNames(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A line about the parts of a file that are not used, if there are any. */
export function leftOutNote({ path, leftOut }: TensorFile): readonly string[] {
  if (leftOut.length === 0) return [];
  const some = leftOut.slice(0, 3).join(', ');
  return [`left out of ${path}: ${some}${leftOut.length > 3 ? `, … (${leftOut.length} tensors)` : ''}`];
}

/**
 * The file of weights a path or name stands for: itself, that of a run's newest checkpoint, or published weights (`convnext-t@official`),
 * which are fetched where they are not there yet. The latter two are returned once every byte was verified.
 */
export async function weightsFile(path: string, weights: Weights): Promise<string> {
  if (!isRunFolder(path)) {
    if (weights === 'raw') {
      const published = publishedAs(path);
      return published === undefined ? path : pretrainedFile(published);
    }
    throw new FrameworkError(
      'checkpoint/no-ema',
      `The averaged weights were asked of ${path}, which is no run.`,
      {
        hint: 'Name them with --entry, for example --entry model_ema; `largekernel inspect` lists what a file holds.',
      },
    );
  }
  const checkpoint = await latestCheckpoint(runFolder(path).checkpoints);
  if (checkpoint === undefined) {
    throw new FrameworkError('checkpoint/none', `The run ${path} has no checkpoint yet.`, {
      hint: 'Train it further first.',
    });
  }
  const name = weights === 'ema' ? 'ema.safetensors' : 'model.safetensors';
  if (!(name in checkpoint.info.files)) {
    throw new FrameworkError('checkpoint/no-ema', `The run ${path} keeps no averaged weights.`, {
      hint: 'Use the raw weights.',
    });
  }
  await verifyFile(checkpoint, name);
  return join(checkpoint.folder, name);
}
