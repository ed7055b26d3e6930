import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { classList } from '../../../src/data/classes.ts';
import { namedDataset, openDataset } from '../../../src/data/datasets.ts';
import { cifarRecords, contents, idx, temporaryFolder, writeTree } from '../fixtures.ts';

describe('CIFAR', () => {
  const batch = cifarRecords(12);

  it('reads records of all batches in order, planes to pixels', async () => {
    const root = writeTree(temporaryFolder(), {
      'cifar-10-batches-bin/data_batch_2.bin': batch.subarray(0, 3073),
      'cifar-10-batches-bin/data_batch_1.bin': batch,
      'cifar-10-batches-bin/test_batch.bin': batch.subarray(3073, 2 * 3073),
    });
    const data = await openDataset({ kind: 'cifar10', root, split: 'train' });
    expect(data.length).toBe(13);
    expect([data.key(0), data.key(11), data.key(12)]).toEqual([
      'data_batch_1/00000',
      'data_batch_1/00011',
      'data_batch_2/00000',
    ]);
    expect(data.label(11)).toBe(1);
    expect(data.classes[9]?.name).toBe('truck');
    const image = await data.read(11);
    const at = 11 * 3073 + 1 + 5 * 32 + 7;
    const pixel = 3 * (5 * 32 + 7);
    expect([...image.data.subarray(pixel, pixel + 3)]).toEqual([batch[at], batch[at + 1024], batch[at + 2048]]);
    await data.close();
    const test = await openDataset({ kind: 'cifar10', root, split: 'val' });
    expect([test.length, test.label(0)]).toEqual([1, 1]);
    await test.close();
  });

  it('CIFAR-100 uses the fine label', async () => {
    const record = new Uint8Array(3074);
    record[0] = 19;
    record[1] = 99;
    const root = writeTree(temporaryFolder(), { 'train.bin': record });
    const data = await openDataset({ kind: 'cifar100', root, split: 'train' });
    expect(data.classes[data.label(0)]?.name).toBe('worm');
    expect(data.classes).toHaveLength(100);
    await data.close();
  });

  it('names the file that is cut off or mislabelled', async () => {
    const cut = writeTree(temporaryFolder(), { 'data_batch_1.bin': batch.subarray(0, 5000) });
    await expect(openDataset({ kind: 'cifar10', root: cut, split: 'train' })).rejects.toThrow(
      /data_batch_1\.bin has 5000 bytes.*1927 are left over/,
    );
    const bad = batch.slice();
    bad[3073] = 77;
    const root = writeTree(temporaryFolder(), { 'data_batch_1.bin': bad });
    await expect(openDataset({ kind: 'cifar10', root, split: 'train' })).rejects.toThrow(
      /data_batch_1\/00001 has label 77, but there are 10 classes/,
    );
    await expect(openDataset({ kind: 'cifar10', root, split: 'dev' })).rejects.toMatchObject({
      code: 'data/unknown-split',
    });
  });
});

describe('IDX', () => {
  const images = idx([2, 2, 3], Uint8Array.from({ length: 12 }, (_, i) => i));
  const labels = idx([2], Uint8Array.of(4, 9));

  it('reads plain and packed files, grey in all three channels', async () => {
    const root = writeTree(temporaryFolder(), {
      'train-images-idx3-ubyte': images,
      'train-labels-idx1-ubyte.gz': gzipSync(labels),
      't10k-images.idx3-ubyte': images,
      't10k-labels-idx1-ubyte': labels,
    });
    const train = await contents(await openDataset({ kind: 'idx', root, split: 'train', classes: classList('mnist') }));
    expect(train.map(({ label }) => label)).toEqual([4, 9]);
    expect(train[1]).toMatchObject({ width: 3, height: 2, key: 'train/00001' });
    expect([...Buffer.from(train[1]?.pixels ?? '', 'base64')]).toEqual([6, 7, 8, 9, 10, 11].flatMap((v) => [v, v, v]));
    const test = await contents(await openDataset({ kind: 'idx', root, split: 'test' }));
    expect(test.map(({ pixels }) => pixels)).toEqual(train.map(({ pixels }) => pixels));
  });

  it('refuses headers that do not fit the content', async () => {
    const open = (a: Uint8Array, b: Uint8Array = labels): Promise<unknown> => {
      const root = writeTree(temporaryFolder(), { 'train-images-idx3-ubyte': a, 'train-labels-idx1-ubyte': b });
      return openDataset({ kind: 'idx', root, split: 'train' });
    };
    await expect(open(images.subarray(0, 20))).rejects.toThrow(/asks for 28 bytes, but it has 20/);
    await expect(open(images, images)).rejects.toThrow(/not 00000801/);
    await expect(open(images, idx([3], Uint8Array.of(1, 2, 3)))).rejects.toThrow(/2 images, but .* 3 labels/);
    const giant = images.slice();
    giant.fill(0x7f, 4, 16);
    await expect(open(giant)).rejects.toThrow(/more than 1073741824/);
    await expect(open(gzipSync(giant))).rejects.toThrow(/more than 1073741824/);
    await expect(open(gzipSync(images).subarray(0, 30))).rejects.toMatchObject({ code: 'data/corrupt' });
  });

  it('the built-in Fashion-MNIST part is balanced and has its published mean', async () => {
    for (const [split, each] of [
      ['train', 1000],
      ['test', 200],
    ] as const) {
      const data = await openDataset(namedDataset('fashion-mnist', split));
      const counts = new Array<number>(10).fill(0);
      for (let i = 0; i < data.length; i++) counts[data.label(i)]!++;
      expect(counts).toEqual(new Array(10).fill(each));
      expect(data.classes[9]?.name).toBe('ankle boot');
      let sum = 0;
      for (let i = 0; i < data.length; i += 10) sum += (await data.read(i)).data.reduce((a, b) => a + b, 0);
      // 0.286 over all 60,000; a part of 200 to 1000 images is within a few standard errors.
      expect(sum / (data.length / 10) / (784 * 3 * 255)).toBeCloseTo(0.286, 1);
    }
  });
});
