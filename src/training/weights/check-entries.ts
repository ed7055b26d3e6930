import type { TensorFile } from '../../formats/tensor-file.ts';
import type { Model } from '../../models/model.ts';
import type { ParameterSpec } from '../../nn/parameters.ts';
import { FrameworkError, nearest } from '../../util/errors.ts';

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
        { hint: shapeHint(model, name, found) },
      );
    }
  }
  return wanted;
}

function squeezed(shape: readonly number[]): string {
  return shape.filter((extent) => extent !== 1).join(',');
}

function shapeHint({ head }: Model, name: string, found: readonly number[]): string {
  const isDepthwise = found.length === 4 && found[1] === 1;
  if (isDepthwise)
    return `Set the kernels the file was trained with, e.g. --set model.kernels=${found.at(-2) ?? 7}.`;
  if (head !== null && name.startsWith(`${head}.`))
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
