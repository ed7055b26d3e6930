/**
 * PyTorch files older than 1.6 (torch/serialization.py, `_legacy_load`): five pickles in a row — a magic number, the protocol,
 * the machine, the value, the keys of its storages — then each storage as its number of elements (8 bytes) and its bytes.
 */
import { DTYPE_BYTES, isSize } from './dtype.ts';
import { MAX_PICKLE, unpickleFirst } from './pickle.ts';
import { PickleTuple } from './pickle-values.ts';
import type { PickleHandlers, PickleValue } from './pickle-values.ts';
import { torchFile } from './pth.ts';
import { closingOnError, openRange } from './range.ts';
import type { RangeFile } from './range.ts';
import { corrupt } from './tensor-file.ts';
import { Storage, storageOf, torchHandlers } from './torch-tensors.ts';
import type { WeightsFile } from './weight-sets.ts';

/** `pickle.dumps(0x1950a86a20f9469cfc6c, 2)` */
const MAGIC = '80028a0a6cfc9c46f9206aa850192e';
/** Bytes of one element, also of types that no tensor here may have: their storages are passed over. */
const BYTES: Readonly<Record<string, number>> = {
  'torch.ComplexFloatStorage': 8,
  'torch.ComplexDoubleStorage': 16,
  'torch.QInt8Storage': 1,
  'torch.QUInt8Storage': 1,
  'torch.QInt32Storage': 4,
};

/** Whether a file starts as torch.save wrote before 1.6. */
export function isLegacyPth(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, MAGIC.length / 2)).toString('hex') === MAGIC;
}

/** @throws FrameworkError `formats/corrupt`, `formats/no-state-dict` */
export async function openLegacyPth(path: string): Promise<WeightsFile> {
  const file = await openRange(path);
  return closingOnError(file, async () => {
    const types = new Map<string, string>();
    const handlers = torchHandlers(path, (items) => {
      const storage = legacyStorage(path, items);
      types.set(storage.key, storage.type);
      return storage;
    });
    const { values, end } = await readPickles(file, handlers);
    const [, , machine, root, keys] = values;
    if (machine instanceof Map && machine.get('little_endian') === false)
      throw corrupt(path, 'its byte order is big', 'save it again on a little-endian machine');
    if (!Array.isArray(keys)) throw corrupt(path, 'the list of its storages is missing');
    const places = await findStorages(file, end, keys, types);
    return torchFile(file, root as PickleValue, async ({ key, dtype, count, offset }) => {
      const place = places.get(key);
      if (place === undefined || offset + count > place.count)
        throw corrupt(
          path,
          `storage ${key} has ${place?.count ?? 0} elements, ${offset + count} were promised`,
        );
      const width = DTYPE_BYTES[dtype ?? 'U8'];
      return file.read(place.start + offset * width, count * width);
    });
  });
}

async function readPickles(file: RangeFile, handlers: PickleHandlers) {
  const bytes = await file.read(0, Math.min(file.size, MAX_PICKLE));
  const values: PickleValue[] = [];
  let end = 0;
  while (values.length < 5) {
    const { value, length } = unpickleFirst(file.path, bytes.subarray(end), handlers);
    values.push(value);
    end += length;
  }
  return { values, end };
}

/** `(type, key, location, elements, view)`, where a view is `(key, offset, elements)` of the storage. */
function legacyStorage(path: string, items: readonly PickleValue[]): Storage {
  const whole = storageOf(path, items);
  const view = items[4];
  if (!(view instanceof PickleTuple)) return whole;
  const [, offset, count] = view.items;
  if (!isSize(offset) || !isSize(count))
    throw corrupt(path, 'a storage is described in a form torch.save does not use');
  return new Storage(whole.type, whole.key, count, offset);
}

/** Where the storages' elements lie. */
async function findStorages(
  file: RangeFile,
  end: number,
  keys: readonly PickleValue[],
  types: ReadonlyMap<string, string>,
): Promise<Map<string, { start: number; count: number }>> {
  const places = new Map<string, { start: number; count: number }>();
  let at = end;
  for (const key of keys) {
    if (typeof key !== 'string') throw corrupt(file.path, 'a key of its storages is no string');
    const type = types.get(key);
    const { dtype } = new Storage(type ?? '', '', 0);
    const width = dtype === undefined ? BYTES[type ?? ''] : DTYPE_BYTES[dtype];
    if (width === undefined) throw corrupt(file.path, `a storage has the type ${type ?? 'of no tensor'}`);
    const head = await file.read(at, 8);
    const count = Number(new DataView(head.buffer).getBigUint64(0, true));
    if (!(at + 8 + count * width <= file.size))
      throw corrupt(file.path, `storage ${key} claims ${count} elements at byte ${at} of ${file.size}`);
    places.set(key, { start: at + 8, count });
    at += 8 + count * width;
  }
  return places;
}
