/** How torch.save describes tensors in a pickle: strided views of storages. (pytorch/pytorch: torch/_utils.py) */
import { DTYPE_BYTES, countElements, isSize } from './dtype.ts';
import type { DType } from './dtype.ts';
import { PickleCall, PickleGlobal, PickleTuple } from './pickle-values.ts';
import type { PickleHandlers, PickleValue } from './pickle-values.ts';
import { gatherBytes } from './strides.ts';
import { corrupt } from './tensor-file.ts';
import type { TensorInfo } from './tensor-file.ts';

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

/** Elements; a view may be larger than its storage (`expand`), but not so large that a small file fills the memory. */
const MAX_EXPANDED = 1 << 24;
const MAX_DIMS = 32;

/** A run of elements in the file. `dtype` is undefined for types that have no place here; only their owner minds. */
export class Storage {
  readonly kind = 'storage';
  /** `torch.FloatStorage` */
  readonly type: string;
  readonly dtype: DType | undefined;
  readonly key: string;
  readonly count: number;
  /** Elements before it in the storage `key`; only in files older than 1.6. */
  readonly offset: number;
  constructor(type: string, key: string, count: number, offset = 0) {
    this.type = type;
    this.dtype = STORAGES.get(type);
    this.key = key;
    this.count = count;
    this.offset = offset;
  }
}

/** A strided view of a storage; offset and strides are in elements. */
export class Tensor implements TensorInfo {
  readonly kind = 'tensor';
  readonly dtype: DType;
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(
    dtype: DType,
    storage: Storage,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.dtype = dtype;
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** A tensor that cannot be read: complex, quantised, sparse, … Files hold such things beside the weights. */
export class OddTensor {
  readonly kind = 'odd tensor';
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}

/** @param storage makes sense of the description of a storage, without its first word `storage` */
export function torchHandlers(
  path: string,
  storage: (items: readonly PickleValue[]) => Storage,
): PickleHandlers {
  const rebuild = (args: readonly PickleValue[]) => rebuildTensor(path, args);
  const first = (args: readonly PickleValue[]): PickleValue => args[0] ?? null;
  return {
    calls: new Map([
      ['torch._utils._rebuild_tensor_v2', rebuild],
      ['torch._utils._rebuild_tensor', rebuild],
      ['torch._utils._rebuild_parameter', first],
      ['torch._utils._rebuild_parameter_with_state', first],
      ['torch._tensor._rebuild_from_type_v2', (args) => rebuildSubclass(path, args)],
      ['torch.Size', first],
    ]),
    persistent: (id) => {
      const [tag, ...items] = id instanceof PickleTuple ? id.items : [];
      if (tag !== 'storage') throw corrupt(path, 'a storage is described in a form torch.save does not use');
      return storage(items);
    },
  };
}

/** `(type, key, location, elements)`, as all files describe a storage. */
export function storageOf(path: string, items: readonly PickleValue[]): Storage {
  const [type, key, , count] = items;
  if (!(type instanceof PickleGlobal) || typeof key !== 'string' || !isSize(count))
    throw corrupt(path, 'a storage is described in a form torch.save does not use');
  return new Storage(type.path, key, count);
}

/** The tensor in a value, or why it cannot be read; undefined for what is no tensor. */
export function tensorIn(value: PickleValue): Tensor | OddTensor | undefined {
  if (value instanceof Tensor || value instanceof OddTensor) return value;
  if (!(value instanceof PickleCall && value.callee instanceof PickleGlobal)) return undefined;
  const { path } = value.callee;
  if (/^numpy\.(_core|core)\.multiarray\._reconstruct$/.test(path)) return new OddTensor('a NumPy array');
  return /^torch\.(_utils|_tensor)\._rebuild_/.test(path) ? new OddTensor(path) : undefined;
}

function rebuildTensor(path: string, args: readonly PickleValue[]): Tensor | OddTensor {
  const [storage, offset, size, stride] = args;
  const shape = size instanceof PickleTuple ? size.items : Array.isArray(size) ? size : undefined;
  const strides = stride instanceof PickleTuple ? stride.items : undefined;
  const count = countElements(shape ?? [-1]);
  const wellFormed =
    storage instanceof Storage &&
    isSize(offset) &&
    shape !== undefined &&
    shape.length === strides?.length &&
    shape.length <= MAX_DIMS;
  if (!wellFormed || count === undefined || !strides.every(isSize))
    throw corrupt(path, 'a tensor is described in a form torch.save does not use');
  const { dtype } = storage;
  if (dtype === undefined) return new OddTensor(storage.type);
  const tensor = new Tensor(dtype, storage, offset, shape as number[], strides);
  const sizes = `[${shape.map(String).join(', ')}]`;
  const last = tensor.shape.reduce((sum, dim, i) => sum + (dim - 1) * (strides[i] as number), offset);
  if (count > 0 && last >= storage.count)
    throw corrupt(path, `a tensor ${sizes} reaches element ${last} of a storage of ${storage.count}`);
  if (count > Math.max(storage.count, MAX_EXPANDED))
    return new OddTensor(`${sizes}, expanded from a storage of ${storage.count}`);
  return tensor;
}

/** `_rebuild_from_type_v2(function, type, arguments, state)`: a tensor with attributes. */
function rebuildSubclass(path: string, args: readonly PickleValue[]): PickleValue {
  const [callee, , inner] = args;
  if (
    callee instanceof PickleGlobal &&
    /^torch\._utils\._rebuild_tensor(_v2)?$/.test(callee.path) &&
    inner instanceof PickleTuple
  )
    return rebuildTensor(path, inner.items);
  return new OddTensor(callee instanceof PickleGlobal ? callee.path : 'a tensor subclass');
}

/** The elements of a view in C order, in bytes of their own. @param bytes of the whole storage */
export function gather({ dtype, offset, shape, strides }: Tensor, bytes: Uint8Array): Uint8Array {
  const width = DTYPE_BYTES[dtype];
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
