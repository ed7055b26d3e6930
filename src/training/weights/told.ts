/** The model of a file that no one named: recognised, or refused where something is told by no one. */
import type { TensorFile } from '../../formats/tensor-file.ts';
import { overriddenPaths } from '../../recipe/load.ts';
import { FrameworkError } from '../../util/errors.ts';
import { meaningOf } from './check-entries.ts';
import { recogniseModel, type Recognised } from './recognise.ts';

/**
 * @param path for messages @param overrides the command's settings
 * @throws FrameworkError `model/unnamed` where no model fits, `model/untold` where an option is told neither by the file nor by the user
 */
export async function recogniseTold(
  file: TensorFile,
  path: string,
  overrides: readonly string[],
): Promise<Recognised> {
  const known = await recognised(file, path);
  requireTold(known, path, overrides);
  return known;
}

async function recognised(file: TensorFile, checkpoint: string): Promise<Recognised> {
  const found = await recogniseModel(file);
  if (found !== undefined) return found;
  throw new FrameworkError(
    'model/unnamed',
    `${checkpoint} is a file of weights; which model it belongs to was not said, and its tensors are those of none that is known.`,
    {
      hint:
        meaningOf(file.names()) ??
        'Add --model, for example --model convnext-t; `largekernel models` lists them.',
    },
  );
}

function requireTold({ model, untold }: Recognised, path: string, overrides: readonly string[]): void {
  if (untold === undefined || overriddenPaths(overrides).includes(untold)) return;
  throw new FrameworkError(
    'model/untold',
    `${path} is of the kind of ${model.name}, but ${untold} leaves no trace in its tensors, and no published model of its shape tells.`,
    { hint: `Say it: --model ${model.name} --set ${untold}=…, beside what \`largekernel inspect\` shows.` },
  );
}

/** Lines on what neither the file nor the user tells, and on what the file says in vain. */
export function assumptions(
  { model, assumed = '', passedOver }: Recognised,
  path: string,
  overrides: readonly string[],
): readonly string[] {
  const value = model.config[assumed.slice('model.'.length)];
  const isSaid = value === undefined || overriddenPaths(overrides).includes(assumed);
  return [
    ...passedOver.map(
      (setting) => `${path} says ${setting}, which its tensors do not allow; it is passed over`,
    ),
    ...(isSaid
      ? []
      : [
          `${assumed} leaves no trace in the tensors of ${path}: ${JSON.stringify(value)} is taken, as published models of its kind have it; --set ${assumed}=… says otherwise`,
        ]),
  ];
}
