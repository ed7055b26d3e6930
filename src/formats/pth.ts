/**
 * PyTorch .pth and .pt files (the ZIP form of torch ≥ 1.6): `<top>/data.pkl` describes tensors as views of storages,
 * `<top>/data/<key>` are the storages' bytes. Nothing in the pickle is executed.
 */
import { FrameworkError, nearest } from '../util/errors.ts';
import { DTYPE_BYTES, countElements, isSize } from './dtype.ts';
import type { DType } from './dtype.ts';
import { MAX_PICKLE, PickleCall, PickleGlobal, PickleTuple, unpickle } from './pickle.ts';
import type { PickleHandlers, PickleValue } from './pickle.ts';
import { closingOnError, openRange } from './range.ts';
import type { RangeFile } from './range.ts';
import { gatherBytes } from './strides.ts';
import { corrupt, tensorFile } from './tensor-file.ts';
import type { TensorFile, TensorInfo } from './tensor-file.ts';
import { readZipDirectory, readZipMember } from './zip.ts';
import type { ZipMembers } from './zip.ts';

const STORAGES: ReadonlyMap<string, DType> = new Map([
  ['torch.DoubleStorage', 'F64'],
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
]);

/** Where training scripts put the weights, in the order they are looked for. */
const ENTRIES = ['model', 'state_dict', 'model_ema', 'state_dict_ema', 'module', 'teacher', 'student'];
/** Wrappers whose names carry no meaning: DataParallel, DINO's MultiCropWrapper. */
const PREFIXES = ['module.', 'backbone.'];

/** Elements; a view may be larger than its storage (`expand`), but not so large that a small file fills the memory. */
const MAX_EXPANDED = 1 << 24;
const MAX_DIMS = 32;

class Storage {
  readonly kind = 'storage';
  readonly dtype: DType;
  readonly key: string;
  readonly count: number;
  constructor(dtype: DType, key: string, count: number) {
    this.dtype = dtype;
    this.key = key;
    this.count = count;
  }
}

/** A strided view of a storage; offset and strides are in elements. */
class Tensor implements TensorInfo {
  readonly kind = 'tensor';
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
  get dtype(): DType {
    return this.storage.dtype;
  }
}

/**
 * Opens the state dict of a .pth file: the bare dict, or the one under `entry`, or under the first of `model`, `state_dict`,
 * `model_ema`, `state_dict_ema`, `module`, `teacher`, `student` that is there. Prefixes `module.` and `backbone.` are dropped.
 * @throws FrameworkError `formats/corrupt`, `formats/no-state-dict`, `formats/unknown-entry`
 */
export async function openPth(
  path: string,
  options: { entry?: string | undefined } = {},
): Promise<TensorFile> {
  const file = await openRange(path);
  return closingOnError(file, async () => {
    const members = await readZipDirectory(file);
    const top = await readTop(file, members);
    const root = await readPickle(file, members, top);
    const { entry, choices, dict } = chooseEntry(path, root, options.entry);
    const metadata = new Map([
      ['entry', entry],
      ['entries', choices.join(' ')],
    ]);
    const readStorage = storageReader(file, members, top);
    return tensorFile({
      path,
      format: 'pth',
      metadata,
      entries: stateDict(path, dict),
      readBytes: async (tensor) => gather(tensor, await readStorage(tensor.storage)),
      close: file.close,
    });
  });
}

/** The folder in the archive that holds `data.pkl`. */
async function readTop(file: RangeFile, members: ZipMembers): Promise<string> {
  const pickle = [...members.keys()].find((name) => name.endsWith('/data.pkl'));
  if (pickle === undefined)
    throw corrupt(file.path, 'it is a ZIP archive without a data.pkl, not a PyTorch file');
  const top = pickle.slice(0, -'data.pkl'.length);
  if (members.has(`${top}constants.pkl`))
    throw new FrameworkError(
      'formats/no-state-dict',
      `${file.path} is a TorchScript program, not a state dict`,
      {
        hint: 'save torch.jit.load(file).state_dict() with torch.save',
      },
    );
  const order = members.get(`${top}byteorder`);
  if (order !== undefined && order.size < 16) {
    const name = Buffer.from(await readZipMember(file, order)).toString('latin1');
    if (name !== 'little')
      throw corrupt(file.path, `its byte order is ${name}`, 'save it again on a little-endian machine');
  }
  return top;
}

async function readPickle(file: RangeFile, members: ZipMembers, top: string): Promise<PickleValue> {
  const member = members.get(`${top}data.pkl`);
  if (member === undefined || member.size > MAX_PICKLE)
    throw corrupt(
      file.path,
      `its data.pkl has ${member?.size ?? 0} bytes, more than the ${MAX_PICKLE} allowed`,
    );
  return unpickle(file.path, await readZipMember(file, member), handlers(file.path));
}

function handlers(path: string): PickleHandlers {
  const rebuild = (args: readonly PickleValue[]) => rebuildTensor(path, args);
  const first = (args: readonly PickleValue[]): PickleValue => args[0] ?? null;
  return {
    calls: new Map([
      ['torch._utils._rebuild_tensor_v2', rebuild],
      ['torch._utils._rebuild_tensor', rebuild],
      ['torch._utils._rebuild_parameter', first],
      ['torch._utils._rebuild_parameter_with_state', first],
      ['torch._tensor._rebuild_from_type_v2', (args) => rebuildSubclass(path, args)],
    ]),
    persistent: (id) => storageOf(path, id),
  };
}

function storageOf(path: string, id: PickleValue): Storage {
  const [tag, type, key, , count] = id instanceof PickleTuple ? id.items : [];
  if (tag !== 'storage' || !(type instanceof PickleGlobal) || typeof key !== 'string' || !isSize(count))
    throw corrupt(path, 'a storage is described in a form torch.save does not use');
  const dtype = STORAGES.get(type.path);
  if (dtype === undefined)
    throw corrupt(
      path,
      `a tensor has the type ${type.path}`,
      `convert it to float32 in PyTorch and save it again`,
    );
  return new Storage(dtype, key, count);
}

function rebuildTensor(path: string, args: readonly PickleValue[]): Tensor {
  const [storage, offset, size, stride] = args;
  const shape = size instanceof PickleTuple ? size.items : [];
  const strides = stride instanceof PickleTuple ? stride.items : [];
  const count = countElements(shape);
  const sizes = `[${shape.map(String).join(', ')}]`;
  const wellFormed =
    storage instanceof Storage &&
    isSize(offset) &&
    shape.length === strides.length &&
    shape.length <= MAX_DIMS;
  if (!wellFormed || count === undefined || !strides.every(isSize))
    throw corrupt(path, 'a tensor is described in a form torch.save does not use');
  const tensor = new Tensor(storage, offset, shape as number[], strides);
  const last = tensor.shape.reduce((sum, dim, i) => sum + (dim - 1) * (strides[i] as number), offset);
  if (count > 0 && last >= storage.count)
    throw corrupt(path, `a tensor ${sizes} reaches element ${last} of a storage of ${storage.count}`);
  if (count > Math.max(storage.count, MAX_EXPANDED))
    throw corrupt(path, `a tensor ${sizes} is expanded from a storage of ${storage.count}`);
  return tensor;
}

/** `_rebuild_from_type_v2(function, type, arguments, state)`: a tensor with attributes. */
function rebuildSubclass(path: string, args: readonly PickleValue[]): PickleValue {
  const [callee, , inner] = args;
  if (
    callee instanceof PickleGlobal &&
    callee.path.startsWith('torch._utils._rebuild_tensor') &&
    inner instanceof PickleTuple
  )
    return rebuildTensor(path, inner.items);
  return new PickleCall(callee ?? null, []);
}

type Dict = ReadonlyMap<PickleValue, PickleValue>;

function chooseEntry(path: string, root: PickleValue, wanted: string | undefined) {
  if (!(root instanceof Map)) {
    const what =
      root instanceof PickleCall && root.callee instanceof PickleGlobal ? root.callee.path : 'another value';
    throw new FrameworkError('formats/no-state-dict', `${path} holds ${what}, not a dict of tensors`, {
      hint: 'save model.state_dict() instead of the model: torch.save(model.state_dict(), file)',
    });
  }
  const choices = [...root]
    .filter(([key, value]) => typeof key === 'string' && hasTensors(value))
    .map(([key]) => key as string);
  if (wanted !== undefined) {
    const dict = root.get(wanted);
    if (dict instanceof Map && hasTensors(dict)) return { entry: wanted, choices, dict };
    const near = nearest(wanted, choices);
    throw new FrameworkError(
      'formats/unknown-entry',
      `${path} has no state dict under ${wanted}; it has ${choices.join(', ') || 'none below its top level'}`,
      near === undefined ? {} : { hint: `did you mean ${near}?` },
    );
  }
  if (hasTensors(root)) return { entry: '', choices, dict: root };
  const entry = ENTRIES.find((name) => choices.includes(name));
  const dict = entry === undefined ? undefined : root.get(entry);
  if (entry === undefined || !(dict instanceof Map))
    throw new FrameworkError('formats/no-state-dict', `${path} has no tensors under ${ENTRIES.join(', ')}`, {
      ...(choices.length > 0 ? { hint: `choose an entry: ${choices.join(', ')}` } : {}),
    });
  return { entry, choices, dict };
}

function hasTensors(value: PickleValue): boolean {
  return value instanceof Map && [...value.values()].some((item) => item instanceof Tensor);
}

/** The tensors of a dict by name; other values (counters, hyper-parameters) are not weights and are left out. */
function stateDict(path: string, dict: Dict): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [key, value] of dict) {
    if (!(value instanceof Tensor)) continue;
    if (typeof key !== 'string') throw corrupt(path, 'its state dict has a name that is no string');
    let name = key;
    for (const prefix of PREFIXES) if (name.startsWith(prefix)) name = name.slice(prefix.length);
    if (tensors.has(name))
      throw corrupt(path, `two tensors are named ${name} once wrappers' prefixes are dropped`);
    tensors.set(name, value);
  }
  return tensors;
}

/** Reads whole storages, so that their checksum can be checked, and keeps the last: tensors that share one lie together. */
function storageReader(file: RangeFile, members: ZipMembers, top: string) {
  let lastKey: string | undefined;
  let last: Uint8Array = new Uint8Array(0);
  return async ({ key, dtype, count }: Storage): Promise<Uint8Array> => {
    if (key === lastKey && last.length === count * DTYPE_BYTES[dtype]) return last;
    const member = members.get(`${top}data/${key}`);
    if (member?.size !== count * DTYPE_BYTES[dtype])
      throw corrupt(
        file.path,
        `storage ${key} has ${member?.size ?? 0} bytes, ${count} × ${dtype} were promised`,
      );
    last = await readZipMember(file, member);
    lastKey = key;
    return last;
  };
}

/** The elements of a view in C order, in bytes of their own. */
function gather({ storage, offset, shape, strides }: Tensor, bytes: Uint8Array): Uint8Array {
  const width = DTYPE_BYTES[storage.dtype];
  const count = shape.reduce((product, dim) => product * dim, 1);
  let expected = 1;
  let contiguous = true;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) contiguous = false;
    expected *= shape[d] as number;
  }
  if (contiguous || count === 0) return bytes.slice(offset * width, (offset + count) * width);
  return gatherBytes(bytes, offset, shape, strides, width);
}
