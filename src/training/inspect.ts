import { countElements } from '../formats/dtype.ts';
import { detectNaming, officialNames } from '../formats/names.ts';
import { openTensors } from '../formats/open.ts';
import type { TensorInfo } from '../formats/tensor-file.ts';
import { weightsFile } from './initial-weights.ts';
import { recogniseModel } from './recognise.ts';
import type { Weights } from './session.ts';

/** What a file of tensors is, without reading its values. */
export interface Inspection {
  readonly file: string;
  readonly format: string;
  /** Whose names the entries have; `official` where all projects agree, or where nothing was recognised. */
  readonly naming: string;
  /** Elements of all entries but running statistics and counters. */
  readonly parameters: number;
  /** Elements of running statistics and counters. */
  readonly buffers: number;
  /** The model whose declarations the file meets exactly, and how to say it; null where there is none. */
  readonly model: { readonly name: string; readonly set: readonly string[]; readonly classes: number } | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly ({ readonly name: string } & TensorInfo)[];
}

const BUFFER = /(^|\.)(running_mean|running_var|num_batches_tracked)$/;

/**
 * Describes a file of weights, or the newest one of a run.
 * @throws FrameworkError `formats/…` for a file that is none or is damaged
 */
export async function inspectWeights(
  path: string,
  options: { readonly entry?: string | undefined; readonly weights: Weights },
): Promise<Inspection> {
  const file = await openTensors(await weightsFile(path, options.weights), { entry: options.entry });
  try {
    const tensors = file.names().map((name) => ({ name, ...file.info(name) }));
    const elements = (buffers: boolean) =>
      tensors
        .filter(({ name }) => BUFFER.test(name) === buffers)
        .reduce((sum, { shape }) => sum + (countElements(shape) ?? 0), 0);
    const found = await recogniseModel(officialNames(file));
    return {
      file: file.path,
      format: file.format,
      naming: detectNaming(file.names()),
      parameters: elements(false),
      buffers: elements(true),
      model:
        found === undefined
          ? null
          : { name: found.model.name, set: found.settings, classes: found.model.config.classes },
      metadata: Object.fromEntries(file.metadata),
      tensors,
    };
  } finally {
    await file.close();
  }
}
