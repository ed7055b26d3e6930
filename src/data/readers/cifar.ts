/**
 * CIFAR-10 and CIFAR-100 in the binary layout of their makers: records of 1 (10) or 2 (100: coarse, fine) label bytes
 * and three planes of 32×32 bytes. Train is every `data_batch_<n>.bin` (10) or `train.bin` (100); the test set is `val` too.
 */
import { closeSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { classList } from '../classes.ts';
import type { Dataset, DatasetSpec } from '../dataset.ts';
import { tableDataset } from '../dataset.ts';
import type { Image } from '../image/image.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { ifThereSync } from '../../util/files.ts';
import { unreadable } from './archive-files.ts';

const SIDE = 32;
const PIXELS = SIDE * SIDE;

/** @throws FrameworkError `data/not-found`, `data/corrupt` (size is no multiple of a record), `data/bad-label` */
export async function openCifar(spec: DatasetSpec): Promise<Dataset> {
  const fine = spec.kind === 'cifar100';
  const labelBytes = fine ? 2 : 1;
  const record = labelBytes + 3 * PIXELS;
  const { folder, files } = findFiles(spec, fine);
  const keys: string[] = [];
  const labels: number[] = [];
  const places: { descriptor: number; offset: number }[] = [];
  const descriptors: number[] = [];
  const close = (): void => descriptors.splice(0).forEach((descriptor) => closeSync(descriptor));
  try {
    for (const file of files) {
      const bytes = readFileSync(join(folder, file));
      checkSize(join(folder, file), bytes.length, record);
      const descriptor = openSync(join(folder, file), 'r');
      descriptors.push(descriptor);
      const stem = file.replace(/\.bin$/, '');
      for (let offset = 0; offset < bytes.length; offset += record) {
        keys.push(`${stem}/${String(offset / record).padStart(5, '0')}`);
        labels.push(bytes[offset + labelBytes - 1] as number);
        places.push({ descriptor, offset: offset + labelBytes });
      }
    }
    return tableDataset({
      name: `${spec.kind} ${spec.split}`,
      classes: classList(fine ? 'cifar100' : 'cifar10').classes,
      notes: [],
      keys,
      labels,
      async load(index) {
        const { descriptor, offset } = defined(places[index], `record ${index}`);
        // A few microseconds from the page cache; a trip through the thread pool would cost more.
        const planes = new Uint8Array(3 * PIXELS);
        if (readSync(descriptor, planes, 0, planes.length, offset) !== planes.length)
          throw new FrameworkError('data/truncated', `${folder}: the record of ${keys[index] ?? ''} is cut off`);
        return interleave(planes);
      },
      close: async () => close(),
    });
  } catch (error) {
    close();
    throw error instanceof FrameworkError ? error : unreadable(folder, error);
  }
}

function findFiles(spec: DatasetSpec, fine: boolean): { folder: string; files: string[] } {
  const wanted = pattern(spec.split, fine);
  const inner = fine ? 'cifar-100-binary' : 'cifar-10-batches-bin';
  for (const folder of [spec.root, join(spec.root, inner)]) {
    const names = ifThereSync(folder, (path) => readdirSync(path));
    const files = (names ?? []).filter((name) => wanted.test(name)).sort();
    if (files.length > 0) return { folder, files };
  }
  throw new FrameworkError(
    'data/not-found',
    `${spec.kind} ${spec.split}: no file named like ${wanted.source} in ${spec.root} or its folder ${inner}`,
    { hint: `fetch the data set with \`largekernel data fetch ${spec.kind}\`` },
  );
}

function pattern(split: string, fine: boolean): RegExp {
  if (split === 'train') return fine ? /^train\.bin$/ : /^data_batch_[1-9]\.bin$/;
  if (split === 'val' || split === 'test') return fine ? /^test\.bin$/ : /^test_batch\.bin$/;
  throw new FrameworkError('data/unknown-split', `CIFAR has no split "${split}"`, {
    hint: 'the splits are train and test (also called val)',
  });
}

function checkSize(path: string, bytes: number, record: number): void {
  if (bytes % record !== 0)
    throw new FrameworkError(
      'data/corrupt',
      `${path} has ${bytes} bytes, which is no multiple of a record of ${record}: ${bytes % record} are left over`,
      { hint: 'the file is cut off or not in the binary layout; fetch it again' },
    );
}

/** Planes (3, 32, 32) → pixels (32, 32, 3). */
function interleave(planes: Uint8Array): Image {
  const data = new Uint8Array(3 * PIXELS);
  for (let p = 0; p < PIXELS; p++) {
    data[3 * p] = planes[p] as number;
    data[3 * p + 1] = planes[PIXELS + p] as number;
    data[3 * p + 2] = planes[2 * PIXELS + p] as number;
  }
  return { width: SIDE, height: SIDE, data };
}
