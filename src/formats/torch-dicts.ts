/** Finds the dicts of tensors in a file written by torch.save, wherever scripts put them. */
import type { PickleValue } from './pickle-values.ts';
import { PickleCall, PickleGlobal, PickleTuple } from './pickle-values.ts';
import { OddTensor, Tensor, tensorIn } from './torch-tensors.ts';
import { corrupt } from './tensor-file.ts';

export interface TensorDict {
  /** Its keys from the top, joined by dots; empty for the top itself. */
  readonly entry: string;
  /** Other keys that lead to the very same dict. */
  readonly also: string[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Tensors of kinds that cannot be read, and which. */
  readonly odd: ReadonlyMap<string, string>;
}

/** Keys of other things that scripts save; nothing below them is a weight. */
const BESIDE = /optim|sched|scaler|rng|random|callback/i;
const MAX_DEPTH = 32;
/** Characters; longer keys are not followed. */
const MAX_KEY = 200;
/** Modules of one pickled model: one that holds itself many times over would have no end. */
const MAX_MODULES = 100_000;

type Dict = ReadonlyMap<PickleValue, PickleValue>;

/** Every dict with named tensors; those of optimisers and random states apart. The order is that of the file. */
export function findDicts(path: string, root: PickleValue): TensorDict[] {
  const found: TensorDict[] = [];
  const seen = new Map<PickleValue, TensorDict | undefined>();
  const visit = (value: PickleValue, keys: readonly string[]): void => {
    if (keys.length > MAX_DEPTH || typeof value !== 'object' || value === null) return;
    const entry = keys.join('.');
    if (seen.has(value)) {
      seen.get(value)?.also.push(entry);
      return;
    }
    const isModule = moduleState(value) !== undefined;
    const children = isModule ? undefined : childrenOf(value);
    const dict = isModule ? flattened(path, entry, value) : children && tensorsOf(entry, children);
    seen.set(value, dict);
    if (dict !== undefined) found.push(dict);
    for (const [key, child] of children ?? []) {
      const name = typeof key === 'number' ? String(key) : key;
      if (typeof name === 'string' && name.length <= MAX_KEY && !BESIDE.test(name))
        visit(child, [...keys, name]);
    }
  };
  visit(root, []);
  return found;
}

/** The values inside a value: items of dicts, lists and tuples, and attributes of objects. */
function childrenOf(value: PickleValue): Dict | undefined {
  if (value instanceof Map) return value;
  if (Array.isArray(value)) return new Map(value.entries());
  if (value instanceof PickleTuple) return new Map(value.items.entries());
  if (!(value instanceof PickleCall)) return undefined;
  return value.items.size > 0 || !(value.state instanceof Map) ? value.items : value.state;
}

/** The tensors right in a dict, if it has any. */
function tensorsOf(entry: string, dict: Dict): TensorDict | undefined {
  const tensors = new Map<string, Tensor>();
  const odd = new Map<string, string>();
  for (const [key, value] of dict) {
    const tensor = typeof key === 'string' ? tensorIn(value) : undefined;
    if (tensor instanceof Tensor) tensors.set(key as string, tensor);
    else if (tensor instanceof OddTensor) odd.set(key as string, tensor.what);
  }
  return tensors.size + odd.size > 0 ? { entry, also: [], tensors, odd } : undefined;
}

/** The attributes of a pickled `torch.nn.Module`: torch.save(model) instead of its state dict. */
function moduleState(value: PickleValue): Dict | undefined {
  const state = value instanceof PickleCall ? value.state : undefined;
  return state instanceof Map && state.get('_modules') instanceof Map ? state : undefined;
}

function namedIn(state: Dict, key: string): [string, PickleValue][] {
  const items = [...(childrenOf(state.get(key) ?? null) ?? [])];
  return items.filter((item): item is [string, PickleValue] => typeof item[0] === 'string');
}

/** The state dict of a module: its parameters and lasting buffers, then those of its children under their names. */
function flattened(path: string, entry: string, module: PickleValue): TensorDict {
  const tensors = new Map<string, Tensor>();
  const odd = new Map<string, string>();
  let modules = 0;
  const walk = (value: PickleValue, prefix: string, depth: number): void => {
    const state = moduleState(value);
    if (state === undefined || depth > MAX_DEPTH) return;
    if (++modules > MAX_MODULES) throw corrupt(path, `its model has more than ${MAX_MODULES} modules`);
    const passing = state.get('_non_persistent_buffers_set');
    for (const part of ['_parameters', '_buffers']) {
      for (const [name, item] of namedIn(state, part)) {
        if (part === '_buffers' && Array.isArray(passing) && passing.includes(name)) continue;
        const tensor = tensorIn(item);
        if (tensor instanceof Tensor) tensors.set(`${prefix}${name}`, tensor);
        else if (tensor instanceof OddTensor) odd.set(`${prefix}${name}`, tensor.what);
      }
    }
    for (const [name, child] of namedIn(state, '_modules')) walk(child, `${prefix}${name}.`, depth + 1);
  };
  walk(module, '', 0);
  return { entry, also: [], tensors, odd };
}

/** What a file holds instead of tensors, in words. */
export function describeValue(value: PickleValue): string {
  if (value instanceof PickleCall && value.callee instanceof PickleGlobal) return value.callee.path;
  if (value instanceof Tensor) return 'one tensor';
  return value instanceof Map ? 'a dict without tensors' : 'another value';
}
