import type { Device } from '../../device/device.ts';
import { MODEL_NAME, MODEL_SETTINGS } from '../../formats/model-metadata.ts';
import { writeSafetensors } from '../../formats/safetensors.ts';
import { InferenceSession } from '../../models/inference.ts';
import { ModelWeights } from '../../models/weights.ts';
import { mergeLargeKernels } from '../../models/merge.ts';
import type { Model } from '../../models/model.ts';
import { createModel } from '../../models/registry.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { Rng } from '../../util/rng.ts';
import type { ResolvedWeights } from '../evaluation/evaluate-weights.ts';
import { loadWeights } from '../weights/initial-weights.ts';
import { metadataOf } from '../weights/model-classes.ts';
import { predictFiles } from '../evaluation/predict.ts';
import { openWeights } from '../weights/open-weights.ts';
import { preprocessingSettings } from '../weights/preprocessing.ts';
import { namingOf, type Naming } from '../weights/recognise.ts';
import { declaredTensors } from './state-dict.ts';

/** Structural re-parameterisation of a checkpoint (models/merge.ts), and the proof on a device that nothing changed. */

/** A model and the values of its parameters and running statistics. */
export interface Form {
  readonly model: Model;
  readonly values: ReadonlyMap<string, Float32Array>;
}

export interface MergedWeights {
  /** As trained. */
  readonly before: Form;
  /** Merged: each large kernel is one convolution with bias. */
  readonly after: Form;
}

/**
 * ‖merged − trained‖ / ‖trained‖ of the logits that is still rounding, both forms being float32: a RepLKNet of five blocks came to
 * 1.7e-7 and SLaK-T to 1.1e-6, while a branch left out or put off its centre changes the leading digits.
 */
export const MERGE_TOLERANCE = 1e-5;

/**
 * Reads weights and folds their branches; nothing runs on a device.
 * @throws FrameworkError `model/merge` for a model that has nothing to merge, and what reading throws
 */
export async function mergeWeights({ file, entry, model }: ResolvedWeights): Promise<MergedWeights> {
  if (model.config['merged'] === true)
    throw new FrameworkError('model/merge', `${model.name} as configured is merged already.`, {
      hint: 'Leave out model.merged.',
    });
  const { values } = await loadWeights(file, model, { entry });
  const state = new Map(
    model.parameters
      .filter(({ kind }) => kind !== 'counter')
      .map(({ name, shape }) => [name, { shape, data: defined(values.get(name), name) }]),
  );
  const folded = mergeLargeKernels(state);
  const merged = createModel(model.name, { ...model.config, merged: true });
  return {
    before: { model, values },
    after: {
      model: merged,
      values: new Map([...folded].map(([name, { data }]) => [name, Float32Array.from(data)])),
    },
  };
}

export interface Agreement {
  /** Largest |merged − trained| of any logit. */
  readonly absolute: number;
  /** ‖merged − trained‖ / ‖trained‖ over all logits. */
  readonly relative: number;
  readonly images: number;
}

/**
 * Runs both forms on the same images.
 * @param images files, or how many to draw: normal numbers in place of normalised pixels
 */
export async function compareForms(
  device: Device,
  { before, after }: MergedWeights,
  resolved: ResolvedWeights,
  images: readonly string[] | number,
  batch: number,
): Promise<Agreement> {
  const { imageSize } = resolved;
  const shape = { batch, channels: before.model.config.channels, imageSize };
  const count = typeof images === 'number' ? images : images.length;
  const logitsOf = async ({ model, values }: Form): Promise<Float32Array> => {
    const session = await InferenceSession.create(
      device,
      await ModelWeights.upload(device, model, values),
      shape,
    );
    return typeof images === 'number'
      ? drawnLogits(session, images)
      : predictFiles(session, resolved, images);
  };
  const trained = await logitsOf(before);
  const merged = await logitsOf(after);
  return { ...differenceOf(merged, trained), images: count };
}

async function drawnLogits(session: InferenceSession, count: number): Promise<Float32Array> {
  const { batch, channels, imageSize } = session.shape;
  const image = channels * imageSize ** 2;
  const all: number[] = [];
  for (let first = 0; first < count; first += batch) {
    const n = Math.min(batch, count - first);
    const x = new Float32Array(n * image);
    for (let i = 0; i < n; i++) {
      const rng = new Rng(0, 'merge', first + i);
      for (let at = i * image; at < (i + 1) * image; at++) x[at] = rng.normal();
    }
    all.push(...(await session.logits(x, n)));
  }
  return Float32Array.from(all);
}

function differenceOf(a: Float32Array, b: Float32Array): { absolute: number; relative: number } {
  let absolute = 0;
  let squares = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    // Not Math.max alone: a NaN must not get lost.
    if (!(difference <= absolute)) absolute = difference;
    squares += difference ** 2;
    norm += (b[i] as number) ** 2;
  }
  return { absolute, relative: Math.sqrt(squares / norm) };
}

/** @throws FrameworkError `checkpoint/merge` unless the two forms agree */
export function checkAgreement({ absolute, relative }: Agreement, tolerance: number): void {
  if (relative <= tolerance) return;
  throw new FrameworkError(
    'checkpoint/merge',
    `The merged model's logits differ from the trained one's by ${relative.toExponential(2)} relative to their norm (largest ${absolute.toExponential(2)}); at most ${tolerance} is taken for rounding.`,
    { hint: 'Nothing was written. If the weights are finite and the adapter is sound, raise --tolerance.' },
  );
}

/** Writes the merged weights, with what their use takes in the metadata. Returns the latter. */
export async function writeMerged(
  output: string,
  { after }: MergedWeights,
  resolved: ResolvedWeights,
): Promise<Pick<Naming, 'model' | 'settings'>> {
  const { model, values } = after;
  const source = await openWeights(resolved.file, { entry: resolved.entry });
  try {
    const tensors = declaredTensors(model, (name) => defined(values.get(name), name), source);
    const naming = await namingOf(model);
    const settings = [...naming.settings, ...preprocessingSettings(model, resolved)];
    await writeSafetensors(output, tensors, {
      format: 'pt',
      [MODEL_NAME]: naming.model,
      [MODEL_SETTINGS]: JSON.stringify(settings),
      ...metadataOf(resolved.classes),
    });
    return { model: naming.model, settings };
  } finally {
    await source.close();
  }
}
