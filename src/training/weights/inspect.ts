import { countElements } from '../../formats/dtype.ts';
import { detectNaming, officialNames } from '../../formats/names.ts';
import { openSets } from '../../formats/open.ts';
import type { TensorFile, TensorInfo } from '../../formats/tensor-file.ts';
import { chooseSet } from '../../formats/weight-sets.ts';
import { weightsFile } from './open-weights.ts';
import { recogniseModel } from './recognise.ts';
import type { Weights } from '../step/session.ts';

/** Describes a file of tensors without reading its values. */
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
  readonly model: InspectedModel | null;
  /** All sets of weights in the file, the described one among them. */
  readonly sets: readonly {
    readonly entry: string;
    readonly tensors: number;
    readonly model: InspectedModel | null;
  }[];
  /** Tensors beside these that belong to none of them or cannot be read. */
  readonly leftOut: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly ({ readonly name: string } & TensorInfo)[];
}

export interface InspectedModel {
  readonly name: string;
  /** For `--set`; one that nothing tells is `key=?`. */
  readonly set: readonly string[];
  readonly classes: number;
}

const BUFFER = /(^|\.)(running_mean|running_var|num_batches_tracked)$/;

/**
 * Describes a file of weights, or the newest one of a run.
 * @param options.entry which set of several; else the first is described
 * @throws FrameworkError `formats/…` for a file that is none or is damaged
 */
export async function inspectWeights(
  path: string,
  options: { readonly entry?: string | undefined; readonly weights: Weights },
): Promise<Inspection> {
  const all = await openSets(await weightsFile(path, options.weights));
  try {
    const file = await chooseSet(all, options.entry ?? all.sets[0]?.entry);
    const tensors = file.names().map((name) => {
      const { dtype, shape } = file.info(name);
      return { name, dtype, shape };
    });
    const elements = { parameters: 0, buffers: 0 };
    for (const { name, shape } of tensors)
      elements[BUFFER.test(name) ? 'buffers' : 'parameters'] += countElements(shape) ?? 0;
    const sets: Inspection['sets'][number][] = [];
    for (const set of all.sets)
      sets.push({ entry: set.entry, tensors: set.file.names().length, model: await modelOf(set.file) });
    return {
      file: file.path,
      format: file.format,
      naming: detectNaming(file.names()),
      ...elements,
      model: sets.find(({ entry }) => entry === file.entry)?.model ?? null,
      sets,
      leftOut: file.leftOut,
      metadata: Object.fromEntries(file.metadata),
      tensors,
    };
  } finally {
    await all.close();
  }
}

async function modelOf(file: TensorFile): Promise<InspectedModel | null> {
  const found = await recogniseModel(officialNames(file));
  if (found === undefined) return null;
  const { model, settings, untold } = found;
  const set = untold === undefined ? settings : [...settings, `${untold}=?`];
  return { name: model.name, set, classes: model.config.classes };
}
