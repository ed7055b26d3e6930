/** Opens a file of tensors by its contents, not by its name. */
import { FrameworkError } from '../util/errors.ts';
import { findNpy, findNpz, isNpy } from './npy.ts';
import { isLegacyPth, openLegacyPth } from './pth-legacy.ts';
import { openPth } from './pth.ts';
import { openRange } from './range.ts';
import type { RangeFile } from './range.ts';
import { findSafetensors } from './safetensors.ts';
import { tensorFile } from './tensor-file.ts';
import type { TensorFile, TensorInfo, TensorSource } from './tensor-file.ts';
import { chooseSet, weightSets } from './weight-sets.ts';
import type { WeightsFile } from './weight-sets.ts';
import { isZip, readZipDirectory } from './zip.ts';

/** Files that people mistake for checkpoints. `start` is compared with the first bytes as Latin-1 text. */
const STRANGERS: readonly { start: RegExp; what: string; hint: string }[] = [
  {
    start: /^version https:\/\/git-lfs/,
    what: 'a Git LFS pointer, not the file itself',
    hint: 'run `git lfs pull` in its repository, or download the file from its page',
  },
  {
    start: /^\s*(<!doctype|<html|<\?xml)/i,
    what: 'a web page, probably an error or log-in page saved by the download',
    hint: 'download the file again and look at what the address answers',
  },
  {
    start: /^\x80[\x02-\x05]/,
    what: 'a pickle that torch.save did not write',
    hint: 'load it in Python and save its tensors with torch.save or as safetensors',
  },
  { start: /^\x1f\x8b/, what: 'a gzip archive', hint: 'unpack it first' },
  { start: /^.{257}ustar/s, what: 'a tar archive', hint: 'unpack it first' },
  { start: /^\x89HDF/, what: 'an HDF5 file (Keras)', hint: 'convert it to safetensors or .npz' },
];

/**
 * Opens safetensors, .pth (also of torch before 1.6), .npy or .npz: the one set of weights in it, under the model's own names.
 * @param options.entry which set, where there are several (`model_ema`, …)
 * @throws FrameworkError `formats/unknown` for anything else, saying what it seems to be; `formats/several-sets`
 * @example const file = await openTensors('convnext_tiny_1k_224_ema.pth');
 */
export async function openTensors(
  path: string,
  options: { entry?: string | undefined; fits?: (file: TensorFile) => Promise<boolean> } = {},
): Promise<TensorFile> {
  const file = await openSets(path);
  try {
    return await chooseSet(file, options.entry, options.fits);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Opens a file with all sets of weights in it. */
export async function openSets(path: string): Promise<WeightsFile> {
  switch (await detect(path)) {
    case 'pth':
      return openPth(path);
    case 'legacy pth':
      return openLegacyPth(path);
    case 'npz':
      return setsOf(await findNpz(path));
    case 'npy':
      return setsOf(await findNpy(path));
    case 'safetensors':
      return setsOf(await findSafetensors(path));
  }
}

/** The sets of a file that is one dict. */
function setsOf<Entry extends TensorInfo>(file: TensorSource<Entry>): WeightsFile {
  const { path, format, close, entries } = file;
  const found = weightSets(path, [{ entry: '', also: [], tensors: entries, odd: new Map() }]);
  // A file without tensors is one empty set.
  const sets = found.length > 0 ? found : [{ entry: '', also: [], leftOut: [], tensors: entries }];
  return {
    path,
    format,
    close,
    sets: sets.map(({ entry, also, leftOut, tensors }) => ({
      entry,
      also,
      file: tensorFile({ ...file, entry, leftOut, entries: tensors }),
    })),
  };
}

async function detect(path: string): Promise<TensorFile['format'] | 'legacy pth'> {
  const file = await openRange(path);
  try {
    const head = await file.read(0, Math.min(file.size, 512));
    if (head.length === 0)
      throw unknown(path, 'an empty file', 'the download or the save did not finish; get it again');
    if (isNpy(head)) return 'npy';
    if (isZip(head)) return await zipKind(file);
    // A header length below 4 GiB and the brace that every safetensors header begins with.
    if (head[8] === 0x7b && head.subarray(4, 8).every((byte) => byte === 0)) return 'safetensors';
    const text = Buffer.from(head).toString('latin1');
    if (isLegacyPth(head)) return 'legacy pth';
    const stranger = STRANGERS.find(({ start }) => start.test(text));
    if (stranger !== undefined) throw unknown(path, stranger.what, stranger.hint);
    const bytes = Buffer.from(head.subarray(0, 8)).toString('hex');
    throw unknown(
      path,
      `unknown: it starts with the bytes ${bytes}`,
      'give a safetensors, .pth, .npy or .npz file',
    );
  } finally {
    await file.close();
  }
}

async function zipKind(file: RangeFile): Promise<'pth' | 'npz'> {
  const names = [...(await readZipDirectory(file)).keys()];
  if (names.some((name) => name.endsWith('/data.pkl'))) return 'pth';
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) return 'npz';
  throw unknown(
    file.path,
    `a ZIP archive of ${names.slice(0, 3).join(', ') || 'nothing'}`,
    'unpack it first',
  );
}

function unknown(path: string, what: string, hint: string): FrameworkError {
  return new FrameworkError('formats/unknown', `${path} should hold tensors but is ${what}`, { hint });
}
