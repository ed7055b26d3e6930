import type { TensorFile } from '../../formats/tensor-file.ts';
import type { Model } from '../../models/model.ts';
import type { ParameterSpec } from '../../nn/parameters.ts';
import { FrameworkError, nearest } from '../../util/errors.ts';

/** Layers before the classifier, in files of ViTs pre-trained on ImageNet-21k: that of Flax, and its name at Hugging Face. They go with it. */
export const BEFORE_HEAD = /^(pre_logits|pooler)\./;

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
  const surplus = [...names].filter((name) => !known.has(name) && !without.has(name));
  if (missing.length > 0 || surplus.length > 0) throw mismatch(path, model, missing, surplus);
  for (const { name, shape } of wanted) {
    const found = file.info(name).shape;
    if (!isSame(found, shape) && model.adapt({ name, shape }, found) === undefined) {
      throw new FrameworkError(
        'checkpoint/shape',
        `${path}: ${name} is (${found.join(', ')}), but ${model.name} as configured wants (${shape.join(', ')}).`,
        { hint: shapeHint(model, name, found) },
      );
    }
  }
  return wanted;
}

/** A 1×1 convolution and a linear layer hold the same numbers. */
function isSame(found: readonly number[], wanted: readonly number[]): boolean {
  return squeezed(found) === squeezed(wanted);
}

/** A file of entries that were checked, as the model takes them, and what was changed for that, in words. */
export function adaptedFile<F extends Pick<TensorFile, 'names' | 'info' | 'read'>>(
  file: F,
  model: Model,
): { readonly file: F; readonly notes: readonly string[] } {
  const names = new Set(file.names());
  const adaptations = new Map(
    model.parameters.flatMap((spec) => {
      const found = names.has(spec.name) ? file.info(spec.name).shape : spec.shape;
      const adaptation = isSame(found, spec.shape) ? undefined : model.adapt(spec, found);
      return adaptation === undefined ? [] : [[spec.name, adaptation] as const];
    }),
  );
  const read = async (name: string): Promise<Float32Array> => {
    const data = await file.read(name);
    return adaptations.get(name)?.apply(data) ?? data;
  };
  return { file: { ...file, read }, notes: [...adaptations.values()].map(({ note }) => note) };
}

function squeezed(shape: readonly number[]): string {
  return shape.filter((extent) => extent !== 1).join(',');
}

function shapeHint({ head }: Model, name: string, found: readonly number[]): string {
  const isDepthwise = found.length === 4 && found[1] === 1;
  if (isDepthwise)
    return `Set the kernels the file was trained with, e.g. --set model.kernels=${found.at(-2) ?? 7}.`;
  const [classes = 0] = found;
  if (head !== null && name.startsWith(`${head}.`) && classes > 0)
    return `The file has ${classes} classes: --set model.classes=${classes}, or --set init.dropHead=true to train a new classifier.`;
  return 'Choose the model and the options the file was made with.';
}

/** Entries of published files that the models here do not have, and their meaning. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [
    /^pre_logits\./,
    'pre_logits is the layer before the classifier of ViTs pre-trained on ImageNet-21k; fine-tuned ones have none. Start training from it with --set init.dropHead=true, which leaves it out with the classifier.',
  ],
  [
    /^(dist_token|head_dist\.)/,
    'dist_token and head_dist belong to a distilled DeiT, which has two classifiers and a token more. Take the file without "distilled" in its name.',
  ],
  [
    /^pooler\./,
    'pooler is a layer that transformers puts behind the class token; neither ViT nor DINO has one. Save the model with add_pooling_layer=False, or start training from it with --set init.dropHead=true.',
  ],
];

/** What the first entry that is known from published files, but of no model here, means. */
export function meaningOf(entries: readonly string[]): string | undefined {
  return FOREIGN.find(([names]) => entries.some((name) => names.test(name)))?.[1];
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
      meaningOf(surplus) ??
      (near === undefined
        ? 'Choose the model, variant and depths the file was made with.'
        : `${near} in the file looks like ${missing[0] ?? ''}.`),
  });
}
