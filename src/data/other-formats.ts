/** Folders that hold no class folders of images but a data set in another form, told by the names of its files. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetKind, DatasetSpec } from './dataset.ts';
import { FrameworkError } from '../util/errors.ts';

export interface OtherFormat {
  /** The file that tells, from the root. */
  readonly file: string;
  /** A name of `DATASETS`. */
  readonly dataset: string;
  /** Where the data set's own is another. */
  readonly format?: DatasetKind;
}

const FORMATS: readonly (Omit<OtherFormat, 'file'> & { readonly pattern: RegExp })[] = [
  { pattern: /^(data_batch_[1-9]|test_batch)\.bin$/, dataset: 'cifar10' },
  { pattern: /^(train|test)\.bin$/, dataset: 'cifar100' },
  { pattern: /^(train|t10k)-images[-.]idx3-ubyte(\.gz)?$/, dataset: 'mnist' },
  { pattern: /^ILSVRC2012_img_(train|val)\.tar$/, dataset: 'imagenet', format: 'imagenet-tar' },
  { pattern: /\.parquet$/, dataset: 'image-folder', format: 'parquet' },
  { pattern: /\.tar$/, dataset: 'image-folder', format: 'webdataset' },
];

/** The makers' files for Python, which torchvision unpacks, and what they pack. */
const OF_PYTHON = /^data_batch_[1-9]$|^cifar-(10|100)-.*\.gz$/;

/** Looks at the files of a folder and of the folders in it. */
export async function otherFormat(root: string): Promise<OtherFormat | undefined> {
  const files = await shallowFiles(root);
  for (const { pattern, ...format } of FORMATS) {
    const file = files.find((path) => pattern.test(path.split('/').at(-1) ?? ''));
    if (file !== undefined) return { file, ...format };
  }
  return undefined;
}

/** `error`, with what to do where the images that were looked for are there in another form. */
export async function withOtherFormat(spec: DatasetSpec, error: unknown): Promise<unknown> {
  if (spec.kind !== 'folder' || !(error instanceof FrameworkError)) return error;
  const advised = (hint: string) => new FrameworkError(error.code, error.message, { hint, cause: error });
  const found = await otherFormat(spec.root);
  if (found !== undefined) {
    const { file, dataset, format } = found;
    const words = `--set data.dataset=${dataset}${format === undefined ? '' : ` --set data.format=${format}`}`;
    return advised(`it holds ${file}, which is ${format ?? dataset}: add ${words}`);
  }
  if ((await shallowFiles(spec.root)).some((path) => OF_PYTHON.test(path.split('/').at(-1) ?? '')))
    return advised(
      'it holds CIFAR as it is packed for Python; the binary version is read, which `largekernel data fetch cifar10` brings',
    );
  return error;
}

async function shallowFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const folders = entries.filter((entry) => entry.isDirectory()).slice(0, 20);
  const inner = await Promise.all(
    folders.map(async ({ name }) =>
      (await readdir(join(root, name)).catch(() => [])).slice(0, 1000).map((file) => `${name}/${file}`),
    ),
  );
  return [...files, ...inner.flat()];
}
