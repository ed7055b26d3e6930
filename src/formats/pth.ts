/**
 * PyTorch .pth and .pt files (the ZIP form of torch ≥ 1.6): `<top>/data.pkl` describes tensors as views of storages,
 * `<top>/data/<key>` are the storages' bytes. Nothing in the pickle is executed.
 */
import { FrameworkError } from '../util/errors.ts';
import { DTYPE_BYTES } from './dtype.ts';
import { MAX_PICKLE, unpickle } from './pickle.ts';
import type { PickleValue } from './pickle-values.ts';
import { closingOnError, openRange } from './range.ts';
import type { RangeFile } from './range.ts';
import { corrupt, tensorFile } from './tensor-file.ts';
import { describeValue, findDicts } from './torch-dicts.ts';
import { gather, storageOf, torchHandlers } from './torch-tensors.ts';
import type { Storage, Tensor } from './torch-tensors.ts';
import { weightSets } from './weight-sets.ts';
import type { WeightSet, WeightsFile } from './weight-sets.ts';
import { readZipDirectory, readZipMember } from './zip.ts';
import type { ZipMembers } from './zip.ts';

/**
 * Opens the state dicts of a .pth file, or the weights of a pickled model.
 * @throws FrameworkError `formats/corrupt`, `formats/no-state-dict`
 */
export async function openPth(path: string): Promise<WeightsFile> {
  const file = await openRange(path);
  return closingOnError(file, async () => {
    const members = await readZipDirectory(file);
    const top = await readTop(file, members);
    return torchFile(file, await readPickle(file, members, top), storageReader(file, members, top));
  });
}

/**
 * The sets of weights in a file written by torch.save.
 * @param readStorage the bytes of a storage
 * @throws FrameworkError `formats/no-state-dict`
 */
export function torchFile(
  file: RangeFile,
  root: PickleValue,
  readStorage: (storage: Storage) => Promise<Uint8Array>,
): WeightsFile {
  const { path, close } = file;
  const dicts = findDicts(path, root);
  const sets = distinct(weightSets(path, dicts));
  if (sets.length === 0) {
    const odd = dicts.flatMap(({ odd: tensors }) => [...tensors].map(([name, what]) => `${name} (${what})`));
    throw new FrameworkError(
      'formats/no-state-dict',
      `${path} has no tensors under model, state_dict or any other key: it holds ${odd.length > 0 ? `only ${some(odd)}, which cannot be read` : describeValue(root)}`,
      {
        hint: 'save the weights as tensors: torch.save(model.state_dict(), file); or arrays with numpy.savez',
      },
    );
  }
  const entries = sets.map(({ entry }) => entry).join(' ');
  return {
    path,
    format: 'pth',
    close,
    sets: sets.map(({ entry, also, tensors, odd, leftOut }) => ({
      entry,
      also,
      file: tensorFile({
        path,
        format: 'pth',
        entry,
        metadata: new Map([
          ['entry', entry],
          ['entries', entries],
        ]),
        leftOut: [...leftOut, ...[...odd].map(([name, what]) => `${name} (${what})`)],
        entries: tensors,
        readBytes: async (tensor) => gather(tensor, await readStorage(tensor.storage)),
        close,
      }),
    })),
  };
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 3).join(', ')}${names.length > 3 ? `, … (${names.length})` : ''}`;
}

/** Drops sets that are the same as another under a second key: `model` and `state_dict` may hold the same storages. */
function distinct(sets: readonly WeightSet<Tensor>[]): WeightSet<Tensor>[] {
  const seen = new Map<string, WeightSet<Tensor> & { also: string[] }>();
  for (const set of sets) {
    const content = [...set.tensors].map(([name, { storage, offset, shape, strides }]) => [
      name,
      storage.key,
      storage.offset + offset,
      shape,
      strides,
    ]);
    const key = JSON.stringify(content);
    const same = seen.get(key);
    if (same === undefined) seen.set(key, { ...set, also: [...set.also] });
    else same.also.push(set.entry, ...set.also);
  }
  return [...seen.values()];
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
  const handlers = torchHandlers(file.path, (items) => storageOf(file.path, items));
  return unpickle(file.path, await readZipMember(file, member), handlers);
}

/** Reads whole storages, so that their checksum can be checked, and keeps the last: tensors that share one lie together. */
function storageReader(file: RangeFile, members: ZipMembers, top: string) {
  let lastKey: string | undefined;
  let last: Uint8Array = new Uint8Array(0);
  return async ({ key, dtype, count }: Storage): Promise<Uint8Array> => {
    const bytes = count * DTYPE_BYTES[dtype ?? 'U8'];
    if (key === lastKey && last.length === bytes) return last;
    const member = members.get(`${top}data/${key}`);
    if (member?.size !== bytes)
      throw corrupt(
        file.path,
        `storage ${key} has ${member?.size ?? 0} bytes, ${count} × ${dtype ?? '?'} were promised`,
      );
    last = await readZipMember(file, member);
    lastKey = key;
    return last;
  };
}
