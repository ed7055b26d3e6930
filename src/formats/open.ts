/** Opening a file of tensors by what it is, not by what it is called. */
import { FrameworkError } from '../util/errors.ts';
import { isNpy, openNpy, openNpz } from './npy.ts';
import { openPth } from './pth.ts';
import { openRange } from './range.ts';
import type { RangeFile } from './range.ts';
import { openSafetensors } from './safetensors.ts';
import type { TensorFile } from './tensor-file.ts';
import { isZip, readZipDirectory } from './zip.ts';

/** Things people have where a checkpoint should be. `start` is compared with the first bytes as Latin-1 text. */
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
    what: 'a PyTorch file of the form older than 1.6, or another pickle',
    hint: 'save it again with a newer PyTorch: torch.save(torch.load(file, map_location="cpu"), "new.pth")',
  },
  { start: /^\x1f\x8b/, what: 'a gzip archive', hint: 'unpack it first' },
  { start: /^.{257}ustar/s, what: 'a tar archive', hint: 'unpack it first' },
  { start: /^\x89HDF/, what: 'an HDF5 file (Keras)', hint: 'convert it to safetensors or .npz' },
];

/**
 * Opens safetensors, .pth, .npy or .npz.
 * @param options.entry which state dict of a .pth with several (`model_ema`, …)
 * @throws FrameworkError `formats/unknown` for anything else, saying what it seems to be
 * @example const file = await openTensors('convnext_tiny_1k_224_ema.pth');
 */
export async function openTensors(
  path: string,
  options: { entry?: string | undefined } = {},
): Promise<TensorFile> {
  const kind = await detect(path);
  if (options.entry !== undefined && kind !== 'pth')
    throw new FrameworkError(
      'formats/unknown-entry',
      `${path} is ${kind}; only a .pth has entries to choose from`,
    );
  switch (kind) {
    case 'pth':
      return openPth(path, options);
    case 'npz':
      return openNpz(path);
    case 'npy':
      return openNpy(path);
    case 'safetensors':
      return openSafetensors(path);
  }
}

async function detect(path: string): Promise<TensorFile['format']> {
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
