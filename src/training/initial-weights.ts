import { openTensors } from '../formats/open.ts';
import { officialNames } from '../formats/names.ts';
import type { TensorFile } from '../formats/tensor-file.ts';
import { join } from 'node:path';
import type { Model } from '../models/model.ts';
import type { ParameterSpec } from '../nn/parameters.ts';
import type { Recipe } from '../recipe/schema.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import { latestCheckpoint, verifyFile } from './checkpoints.ts';
import type { Reporter } from './reporter.ts';
import { isRunFolder, runFolder } from './run-folder.ts';
import type { Weights } from './session.ts';

/** The recipe's `init.file`, if it names one. */
export async function loadInitial(
  recipe: Recipe,
  model: Model,
  reporter: Reporter,
): Promise<Map<string, Float32Array>> {
  const { file, dropHead } = recipe.init;
  if (file === null) return new Map();
  const head = dropHead ? new Set(['head.weight', 'head.bias', 'fc.weight', 'fc.bias']) : new Set<string>();
  const weights = await loadWeights(file, model, { without: head });
  reporter.note(
    `started from ${file}: ${weights.size} tensors${head.size > 0 ? ', classifier left out' : ''}`,
  );
  return weights;
}

/** The file of weights a path stands for: itself, or of a run's newest checkpoint, once every byte of it was verified. */
export async function weightsFile(path: string, weights: Weights): Promise<string> {
  if (!isRunFolder(path)) return path;
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

/**
 * Every parameter and running statistic of a model from a file in official or timm names.
 * @param without entries that may be absent or of another shape
 * @throws FrameworkError naming what is missing, left over, or of another shape
 */
export async function loadWeights(
  path: string,
  model: Model,
  options: { readonly without?: ReadonlySet<string>; readonly weights?: Weights } = {},
): Promise<Map<string, Float32Array>> {
  const file = officialNames(await openTensors(await weightsFile(path, options.weights ?? 'raw')));
  try {
    return await readAll(file, path, model, options.without ?? new Set());
  } finally {
    await file.close();
  }
}

async function readAll(
  file: TensorFile,
  path: string,
  model: Model,
  without: ReadonlySet<string>,
): Promise<Map<string, Float32Array>> {
  const result = new Map<string, Float32Array>();
  for (const { name } of checkEntries(file, path, model, without)) result.set(name, await file.read(name));
  return result;
}

/**
 * Compares a file in official names with what a model declares, counters aside. Returns the declarations to be read.
 * @param path for messages
 * @throws FrameworkError `checkpoint/names`, `checkpoint/shape`
 */
export function checkEntries(
  file: Pick<TensorFile, 'names' | 'info'>,
  path: string,
  model: Model,
  without: ReadonlySet<string> = new Set(),
): readonly ParameterSpec[] {
  const names = new Set(file.names());
  const wanted = model.parameters.filter(({ name, kind }) => kind !== 'counter' && !without.has(name));
  const missing = wanted.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  const known = new Set(model.parameters.map(({ name }) => name));
  const surplus = [...names].filter((name) => !known.has(name));
  if (missing.length > 0 || surplus.length > 0) throw mismatch(path, model, missing, surplus);
  for (const { name, shape } of wanted) {
    const found = file.info(name).shape;
    // A 1×1 convolution and a linear layer hold the same numbers.
    if (squeezed(found) !== squeezed(shape)) {
      throw new FrameworkError(
        'checkpoint/shape',
        `${path}: ${name} is (${found.join(', ')}), but ${model.name} as configured wants (${shape.join(', ')}).`,
        { hint: shapeHint(name, found) },
      );
    }
  }
  return wanted;
}

function squeezed(shape: readonly number[]): string {
  return shape.filter((extent) => extent !== 1).join(',');
}

function shapeHint(name: string, found: readonly number[]): string {
  if (/dwconv|lkb|LoRA/.test(name))
    return `Set the kernels the file was trained with, e.g. --set model.kernels=${found.at(-2) ?? 7}.`;
  if (/^(head|fc|linear)\./.test(name))
    return `The file has ${found[0] ?? '?'} classes: --set model.classes=${found[0] ?? '?'}, or --set init.dropHead=true to train a new classifier.`;
  return 'Choose the model and the options the file was made with.';
}

function mismatch(
  path: string,
  model: Model,
  missing: readonly string[],
  surplus: readonly string[],
): FrameworkError {
  const some = (names: readonly string[]) =>
    `${names.slice(0, 3).join(', ')}${names.length > 3 ? `, … (${names.length})` : ''}`;
  const parts = [
    missing.length > 0 ? `it lacks ${some(missing)}` : '',
    surplus.length > 0 ? `it has ${some(surplus)}, which the model does not` : '',
  ].filter((part) => part !== '');
  const near = missing[0] === undefined ? undefined : nearest(missing[0], surplus);
  return new FrameworkError('checkpoint/names', `${path} does not fit ${model.name}: ${parts.join('; ')}.`, {
    hint:
      near === undefined
        ? 'Choose the model, variant and depths the file was made with.'
        : `${near} in the file looks like ${missing[0] ?? ''}.`,
  });
}
