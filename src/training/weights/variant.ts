import type { TensorFile } from '../../formats/tensor-file.ts';
import type { Model } from '../../models/model.ts';
import { overriddenPaths } from '../../recipe/load.ts';

/**
 * What tells weights apart besides the bytes of their file: which of its sets they are, and options of the model that were said, as some leave
 * no trace in the tensors. Empty where the file alone tells.
 * @example ' set model_ema, heads 6'
 */
export function variantOf(
  { entry, metadata }: Pick<TensorFile, 'entry' | 'metadata'>,
  { config }: Pick<Model, 'config'>,
  overrides: readonly string[],
): string {
  const isOneOfSeveral = (metadata.get('entries') ?? entry) !== entry;
  const options = new Set(
    overriddenPaths(overrides).flatMap((path) => /^model\.([^.]+)/.exec(path)?.slice(1) ?? []),
  );
  const words = [
    ...(isOneOfSeveral ? [`set ${entry === '' ? 'at the top' : entry}`] : []),
    ...[...options].sort().map((key) => `${key} ${[config[key]].flat().join(' ')}`),
  ];
  return words.length === 0 ? '' : ` ${words.join(', ')}`;
}
