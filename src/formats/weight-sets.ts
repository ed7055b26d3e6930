/**
 * Which of a file's tensors are one model's weights. Scripts save several models, averages and odd tensors in one file, and
 * wrappers (DataParallel, torch.compile, Lightning, …) put their own names before a model's.
 */
import { FrameworkError, defined, nearest } from '../util/errors.ts';
import { layoutPrefixes } from './names.ts';
import { corrupt } from './tensor-file.ts';
import type { TensorFile, TensorInfo } from './tensor-file.ts';

/** Tensors under the names that lead to them. */
export interface NamedTensors<Entry extends TensorInfo> {
  /** Where in the file: keys joined by dots; empty for the top. */
  readonly entry: string;
  readonly also: readonly string[];
  readonly tensors: ReadonlyMap<string, Entry>;
  /** Tensors that cannot be read, and what they are. */
  readonly odd: ReadonlyMap<string, string>;
}

/** What may be one model's weights: its tensors under the model's own names. */
export interface WeightSet<Entry extends TensorInfo> extends NamedTensors<Entry> {
  /** Tensors of the same dict that are none of the model's. */
  readonly leftOut: readonly string[];
}

/** Names that wrap single modules and never belong to a model. (torch/distributed/fsdp, torch/_dynamo/eval_frame.py) */
const WITHIN = /(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.)/g;
/** Wrappers of whole models, where all names begin with one. */
const WRAPPERS = /^(module|model|backbone|net|network|ema_model|_forward_module)\./;
/** Keys that say "weights" where the tensors' names do not: names without a dot. */
const WEIGHT_KEYS =
  /(^|\.)(model|state_dict|model_state|model_state_dict|weights|params|net|module|ema|teacher|student)$/;

/**
 * The sets in the dicts of a file, most plausible kind only: those with names of modules (`fc.weight`), else any.
 * @throws FrameworkError `formats/corrupt` when two tensors would get one name
 */
export function weightSets<Entry extends TensorInfo>(
  path: string,
  dicts: readonly NamedTensors<Entry>[],
): WeightSet<Entry>[] {
  const modules = dicts.filter(hasModuleNames);
  const values = dicts.filter(({ tensors }) => [...tensors.values()].some(isWeight));
  const keyed = values.filter(({ entry }) => WEIGHT_KEYS.test(entry));
  const kinds = [modules, keyed, values, dicts.filter(({ tensors }) => tensors.size > 0)];
  return (kinds.find((kind) => kind.length > 0) ?? []).flatMap((dict) => unwrapped(path, dict));
}

/** The sets of one dict: one for each place where a known model's names begin, or the whole without its wrappers. */
function unwrapped<Entry extends TensorInfo>(path: string, dict: NamedTensors<Entry>): WeightSet<Entry>[] {
  const bare = (name: string) => name.replace(WITHIN, '').replace(/^\./, '');
  const plain = {
    ...dict,
    tensors: renamedKeys(path, dict.tensors, bare),
    odd: renamedKeys(path, dict.odd, bare),
  };
  const prefixes = layoutPrefixes(plain.tensors).sort((a, b) => b.length - a.length);
  if (prefixes.length === 0) return [withoutWrappers(path, plain)];
  // Scripts put `best_acc1`, `epoch` or a random state beside the names of modules.
  const isScore = (name: string) => {
    const tensor = plain.tensors.get(name);
    return tensor !== undefined && !/[./]/.test(name) && !isWeight(tensor);
  };
  const prefixOf = (name: string) => prefixes.find((prefix) => name.startsWith(prefix));
  return prefixes.map((prefix) =>
    below(plain, prefix, prefixes.length > 1, (name) => prefixOf(name) === prefix && !isScore(name)),
  );
}

/** The tensors that are `inside`, without their prefix. */
function below<Entry extends TensorInfo>(
  dict: NamedTensors<Entry>,
  prefix: string,
  isOneOfSeveral: boolean,
  isInside: (name: string) => boolean,
): WeightSet<Entry> {
  const label = isOneOfSeveral ? prefix.replace(/\.$/, '') : '';
  const join = (entry: string) => [entry, label].filter((part) => part !== '').join('.');
  const stripped = <T>(all: ReadonlyMap<string, T>) =>
    new Map(
      [...all].filter(([name]) => isInside(name)).map(([name, value]) => [name.slice(prefix.length), value]),
    );
  return {
    entry: join(dict.entry),
    also: dict.also.map(join),
    tensors: stripped(dict.tensors),
    odd: stripped(dict.odd),
    leftOut: [...dict.tensors.keys()].filter((name) => !isInside(name)),
  };
}

/** `module.` may stand beside a counter of its wrapper (torch.optim.swa_utils.AveragedModel); the others stand before all names. */
function withoutWrappers<Entry extends TensorInfo>(
  path: string,
  dict: NamedTensors<Entry>,
): WeightSet<Entry> {
  const leftOut: string[] = [];
  let { tensors } = dict;
  for (;;) {
    const names = [...tensors.keys()];
    const [wrapper] = WRAPPERS.exec(names.find((name) => name.includes('.')) ?? '') ?? [];
    if (wrapper === undefined) break;
    const beside = names.filter((name) => !name.startsWith(wrapper));
    const clash = beside.find((name) => tensors.has(`${wrapper}${name}`));
    if (clash !== undefined) throw sameName(path, clash);
    const isCounter = (name: string) => wrapper === 'module.' && !isWeight(defined(tensors.get(name), name));
    if (!beside.every(isCounter)) break;
    leftOut.push(...beside);
    const inside = new Map([...tensors].filter(([name]) => name.startsWith(wrapper)));
    tensors = renamedKeys(path, inside, (name) => name.slice(wrapper.length));
  }
  return { ...dict, tensors, leftOut };
}

function renamedKeys<Entry>(
  path: string,
  tensors: ReadonlyMap<string, Entry>,
  rename: (name: string) => string,
): ReadonlyMap<string, Entry> {
  if ([...tensors.keys()].every((name) => rename(name) === name)) return tensors;
  const renamed = new Map<string, Entry>();
  for (const [from, tensor] of tensors) {
    const name = rename(from);
    if (renamed.has(name)) throw sameName(path, name);
    renamed.set(name, tensor);
  }
  return renamed;
}

function sameName(path: string, name: string): FrameworkError {
  return corrupt(path, `two tensors are named ${name} once wrappers' prefixes are dropped`);
}

function hasModuleNames<Entry extends TensorInfo>({ tensors }: NamedTensors<Entry>): boolean {
  for (const [name, tensor] of tensors)
    if (isWeight(tensor) && (/[./]/.test(name) || name === 'weight' || name === 'bias')) return true;
  return false;
}

/** Counters, scores and random states are scalars or whole numbers. */
function isWeight({ dtype, shape }: TensorInfo): boolean {
  return shape.length > 0 && /^B?F\d/.test(dtype);
}

/** The sets of a file, each ready to be read. */
export interface WeightsFile {
  readonly path: string;
  readonly format: TensorFile['format'];
  readonly sets: readonly {
    readonly entry: string;
    readonly also: readonly string[];
    readonly file: TensorFile;
  }[];
  readonly close: () => Promise<void>;
}

/**
 * The one set that is meant: the one named, or the only one that `fits`, or the only one.
 * @throws FrameworkError `formats/unknown-entry`, `formats/several-sets` naming all there are
 */
export async function chooseSet(
  { path, sets }: WeightsFile,
  wanted: string | undefined,
  fits: (file: TensorFile) => Promise<boolean> = async () => true,
): Promise<TensorFile> {
  const entries = sets.map(({ entry }) => entry);
  if (wanted !== undefined) {
    const named = sets.find(({ entry, also }) => entry === wanted || also.includes(wanted));
    if (named !== undefined) return named.file;
    const near = nearest(wanted, entries);
    throw new FrameworkError(
      'formats/unknown-entry',
      `${path} has no state dict under ${wanted}; it has ${entries.map(shown).join(', ')}`,
      near === undefined ? {} : { hint: `did you mean ${near}?` },
    );
  }
  const [first] = sets;
  if (sets.length === 1 && first !== undefined) return first.file;
  const fitting: TensorFile[] = [];
  for (const { file } of sets) if (await fits(file)) fitting.push(file);
  const [only] = fitting;
  if (fitting.length === 1 && only !== undefined) return only;
  throw new FrameworkError(
    'formats/several-sets',
    `${path} holds ${sets.length} sets of weights: ${entries.map(shown).join(', ')}`,
    {
      hint: `choose one with --entry ${entries.find((entry) => entry !== '') ?? ''}, or init.entry in a recipe`,
    },
  );
}

function shown(entry: string): string {
  return entry === '' ? '"" (the top level)' : entry;
}
