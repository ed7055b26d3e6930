import { writeSafetensors, type TensorToWrite } from '../../formats/safetensors.ts';
import { MODEL_NAME, MODEL_SETTINGS } from '../../formats/model-metadata.ts';
import type { DType } from '../../formats/dtype.ts';
import type { Renaming } from '../../formats/names.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import type { OtherNaming } from '../../models/family.ts';
import type { Model } from '../../models/model.ts';
import { familyOf } from '../../models/registry.ts';
import { FrameworkError } from '../../util/errors.ts';
import { resolveWeights, type ResolvedWeights, type WeightsRequest } from '../evaluation/evaluate-weights.ts';
import { adaptedFile, checkEntries } from '../weights/check-entries.ts';
import { keptMetadata, metadataOf } from '../weights/model-classes.ts';
import { leftOutNote, openWeights } from '../weights/open-weights.ts';
import { preprocessingSettings, saidPreprocessing } from '../weights/preprocessing.ts';
import { recogniseModel, settingsIn, untoldMetadata } from '../weights/recognise.ts';

/**
 * State dicts as `load_state_dict(strict=True)` of the papers' or timm's PyTorch code wants them, in safetensors: float32 in the declared
 * shapes, and a `num_batches_tracked` (int64 scalar) beside the running statistics of every BatchNorm.
 */

export type TargetNaming = 'official' | 'timm' | OtherNaming;

export interface Conversion {
  readonly tensors: number;
  /** Counters that the file lacked and that were added as 0. */
  readonly addedCounters: number;
  /** The model that was asked for or recognised. */
  readonly model: string | undefined;
  /** Tensors of the file that were left out, in words. */
  readonly notes: readonly string[];
}

const INTEGERS: ReadonlySet<DType> = new Set(['I64', 'I32', 'I16', 'I8', 'U8', 'BOOL']);

/**
 * Writes any readable file of weights, or a run's, as safetensors in PyTorch's names.
 * @param request with a model, or a run, the file is checked against the model's declarations first
 * @throws FrameworkError `checkpoint/names`, `checkpoint/shape`, `checkpoint/naming`, and what reading and writing throw
 */
export async function convertWeights(
  request: WeightsRequest,
  output: string,
  to: TargetNaming,
  checked: boolean,
): Promise<Conversion> {
  const { checkpoint: path, weights, entry } = request;
  const resolved = checked ? await resolveWeights(request) : undefined;
  const declared = resolved?.model;
  const file = await openWeights(path, { entry, weights, model: () => declared });
  try {
    const names = new Set(file.names());
    const tensors = declared === undefined ? asTheyAre(file) : asDeclared(file, path, declared);
    const known =
      declared === undefined ? await recogniseModel(file) : { model: declared, untold: undefined };
    const model = known?.model;
    await writeSafetensors(
      output,
      to === 'official' ? inOfficialNames(tensors, model) : inForeignNames(tensors, path, model, to),
      {
        format: 'pt',
        ...(resolved === undefined ? keptMetadata(file.metadata) : metadataOf(resolved.classes)),
        ...(known === undefined || known.untold !== undefined
          ? {}
          : await fullMetadata(known.model, resolved, file)),
      },
    );
    const addedCounters = tensors.filter(({ name }) => !names.has(name)).length;
    return { tensors: tensors.length, addedCounters, model: model?.name, notes: leftOutNote(file) };
  } finally {
    await file.close();
  }
}

/** What the entries do not tell of the model, and how images reach it where that is not the model's own way. */
async function fullMetadata(
  model: Model,
  resolved: ResolvedWeights | undefined,
  file: TensorFile,
): Promise<Record<string, string>> {
  const preprocessing =
    resolved === undefined
      ? await saidPreprocessing(file, model.name, [])
      : preprocessingSettings(model, resolved);
  const untold = await untoldMetadata(model);
  if (preprocessing.length === 0) return untold;
  const settings = [...settingsIn({ metadata: new Map(Object.entries(untold)) }), ...preprocessing];
  return { [MODEL_NAME]: model.name, [MODEL_SETTINGS]: JSON.stringify(settings) };
}

/** A model's whole state dict; counters come from `file`, or are 0. */
export function declaredTensors(
  model: Model,
  read: (name: string) => Float32Array | Promise<Float32Array>,
  file: Pick<TensorFile, 'names' | 'readInts'>,
): TensorToWrite[] {
  const known = new Set(file.names());
  return model.parameters.map(({ name, shape, kind }) => {
    if (kind !== 'counter') return { name, shape, dtype: 'F32', data: () => read(name) };
    return known.has(name) ? counter(name, () => integers(file, name)) : counter(name);
  });
}

function asDeclared(file: TensorFile, path: string, model: Model): TensorToWrite[] {
  checkEntries(file, path, model);
  return declaredTensors(model, adaptedFile(file, model).file.read, file);
}

function asTheyAre(file: TensorFile): TensorToWrite[] {
  const known = new Set(file.names());
  const tensors = file.names().map((name): TensorToWrite => {
    const { dtype, shape } = file.info(name);
    return INTEGERS.has(dtype)
      ? { name, shape, dtype: 'I64', data: () => integers(file, name) }
      : { name, shape, dtype: 'F32', data: () => file.read(name) };
  });
  const counters = [...known]
    .filter((name) => name.endsWith('.running_mean'))
    .map((name) => name.replace(/running_mean$/, 'num_batches_tracked'))
    .filter((name) => !known.has(name));
  return [...tensors, ...counters.map((name) => counter(name))];
}

async function integers(file: Pick<TensorFile, 'readInts'>, name: string): Promise<BigInt64Array> {
  return BigInt64Array.from(await file.readInts(name), BigInt);
}

function counter(name: string, data: TensorToWrite['data'] = BigInt64Array.of(0n)): TensorToWrite {
  return { name, shape: [], dtype: 'I64', data };
}

const OWNERS = { timm: 'timm', torchvision: 'torchvision', huggingface: 'Hugging Face' } as const;

function inForeignNames(
  tensors: readonly TensorToWrite[],
  path: string,
  model: Model | undefined,
  to: Exclude<TargetNaming, 'official'>,
): readonly TensorToWrite[] {
  const refuse = (why: string, hint: string) =>
    new FrameworkError('checkpoint/naming', `${path} cannot be written in ${OWNERS[to]}'s names: ${why}.`, {
      hint,
    });
  if (model === undefined)
    throw refuse(
      'which model it belongs to is not clear',
      'Say it with --model, and --set where it differs.',
    );
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const family = familyOf(model.name);
  const renaming = to === 'timm' ? family.timmNames(shapes, model) : family.otherNames(to, shapes);
  if (renaming === undefined) return tensors;
  if (typeof renaming === 'string') throw refuse(renaming, 'Use --to official.');
  return renamed(tensors, renaming);
}

function inOfficialNames(
  tensors: readonly TensorToWrite[],
  model: Model | undefined,
): readonly TensorToWrite[] {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const renaming = model && familyOf(model.name).officialNames(shapes);
  return renaming === undefined ? tensors : renamed(tensors, renaming);
}

function renamed(tensors: readonly TensorToWrite[], renaming: Renaming): readonly TensorToWrite[] {
  const sources = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return [...renaming].flatMap(
    ([
      name,
      {
        sources: [from = ''],
        shape,
        third,
      },
    ]) => {
      const tensor = sources.get(from);
      if (tensor === undefined) return [];
      return [{ ...tensor, name, shape, ...(third === undefined ? {} : { data: thirdOf(tensor, third) }) }];
    },
  );
}

function thirdOf({ data }: TensorToWrite, index: number): TensorToWrite['data'] {
  return async () => {
    const whole = await (typeof data === 'function' ? data() : data);
    return whole.subarray((index * whole.length) / 3, ((index + 1) * whole.length) / 3);
  };
}
