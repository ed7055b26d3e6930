import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { classList } from '../../src/data/classes.ts';
import type { DatasetSpec } from '../../src/data/dataset.ts';
import { verifyDataset } from '../../src/data/verify.ts';
import { cifarRecords, golden, temporaryFolder, writeTree } from './fixtures.ts';

const cache = temporaryFolder();
const classes = classList('imagenet-1k');

it('names what cannot be read and counts what is there', async () => {
  const good = readFileSync(golden('images/train/n01440764/n01440764_10.JPEG'));
  const root = writeTree(temporaryFolder(), {
    'val/n02012849/a.JPEG': good,
    'val/n02012849/b.JPEG': good.subarray(0, 500),
    'val/n03126707/c.JPEG': good,
    'val/n03126707/d.png': '',
    'val/n03126707/e.txt': '',
  });
  symlinkSync(join(root, 'val', 'n02012849'), join(root, 'val', 'n01440764'));
  const progress: number[] = [];
  const report = await verifyDataset({ kind: 'folder', root, split: 'val', classes }, (done) => progress.push(done));
  expect(report.images).toBe(6);
  expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
  expect(report.unreadable.map(({ key }) => key)).toEqual(['n01440764/b.JPEG', 'n02012849/b.JPEG', 'n03126707/d.png']);
  expect(report.unreadable[1]?.message).toContain('n02012849/b.JPEG');
  const present = report.classes.filter(({ images }) => images > 0);
  expect(present.map(({ id, label, name, images }) => [id, label, name, images])).toEqual([
    ['n01440764', 0, 'tench', 2],
    ['n02012849', 134, 'crane', 2],
    ['n03126707', 517, 'crane', 2],
  ]);
  expect(report.emptyClasses).toBe(997);
  expect(report.duplicateClasses).toEqual(['n02012849 = n01440764']);
  expect(report.notes).toEqual([{ kind: 'stray', path: 'n03126707/e.txt' }]);
  expect(report.sides.smallest).toBeGreaterThan(19);
});

it.each<DatasetSpec>([
  { kind: 'imagenet-tar', root: golden('tar'), split: 'train', cache, classes },
  { kind: 'webdataset', root: golden('webdataset'), split: 'train', cache, classes },
  { kind: 'parquet', root: golden('parquet'), split: 'train', cache, classes },
])('verifies $kind', async (spec) => {
  const report = await verifyDataset(spec);
  expect([report.images, report.unreadable, report.emptyClasses]).toEqual([12, [], 997]);
  expect([134, 517].map((label) => report.classes[label]?.images)).toEqual([4, 4]);
});

it('verifies CIFAR, and says what is wrong with a file that cannot be opened', async () => {
  const root = writeTree(temporaryFolder(), { 'test_batch.bin': cifarRecords(20) });
  const report = await verifyDataset({ kind: 'cifar10', root, split: 'test' });
  expect(report.classes.map(({ images }) => images)).toEqual(new Array(10).fill(2));
  expect(report.sides).toEqual({ smallest: 32, largest: 32 });
  await expect(verifyDataset({ kind: 'cifar10', root, split: 'train' })).rejects.toMatchObject({ code: 'data/not-found' });
});

it('an image that is damaged inside an archive is named', async () => {
  const bytes = readFileSync(golden('webdataset/train-000000.tar'));
  const { name } = await damage(bytes);
  const root = writeTree(temporaryFolder(), { 'train-0.tar': bytes });
  const report = await verifyDataset({ kind: 'webdataset', root, split: 'train', cache: root });
  expect(report.unreadable.map(({ key }) => key)).toEqual([name]);
});

/** Overwrites the first image of a shard. */
async function damage(bytes: Buffer): Promise<{ name: string }> {
  const { indexTar } = await import('../../src/data/readers/tar.ts');
  const { entries } = await indexTar(async (at, length) => bytes.subarray(at, at + length), 't', 0, bytes.length);
  const image = entries.find(({ name }) => name.endsWith('.jpg'))!;
  bytes.fill(0, image.offset, image.offset + image.size);
  return image;
}
