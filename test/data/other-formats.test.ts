import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/datasets.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { runCommand } from '../cli/run.ts';
import { cifarRecords, temporaryFolder, writeTree } from './fixtures.ts';

const hintOf = async (file: string, split = 'val') => {
  const root = writeTree(temporaryFolder(), { [file]: 'x' });
  const error: unknown = await openDataset({ kind: 'folder', root, split }).catch((reason: unknown) => reason);
  return error instanceof FrameworkError ? error.hint : error;
};

describe('a folder that holds a data set in another form', () => {
  it.each([
    ['test_batch.bin', 'it holds test_batch.bin, which is cifar10: add --set data.dataset=cifar10'],
    ['cifar-100-binary/train.bin', 'it holds cifar-100-binary/train.bin, which is cifar100: add --set data.dataset=cifar100'],
    ['t10k-images-idx3-ubyte.gz', /mnist: add --set data.dataset=mnist$/],
    ['ILSVRC2012_img_val.tar', /add --set data.dataset=imagenet --set data.format=imagenet-tar$/],
    ['data/train-00000-of-00001.parquet', /add --set data.dataset=image-folder --set data.format=parquet$/],
    ['shards/val-000.tar', /add --set data.dataset=image-folder --set data.format=webdataset$/],
    ['cifar-10-batches-py/data_batch_1', /packed for Python.*data fetch cifar10/],
    ['notes.txt', 'check the data folder and the name of the split'],
  ])('%s is told', async (file, hint) => {
    const expected = typeof hint === 'string' ? (text: unknown) => { expect(text).toBe(hint); } : (text: unknown) => { expect(text).toMatch(hint); }; // prettier-ignore
    expected(await hintOf(file));
    expected(await hintOf(file, '.'));
  });

  it('is verified without being named', async () => {
    const root = writeTree(temporaryFolder(), { 'data_batch_1.bin': cifarRecords(3) });
    const { stdout, stderr } = await runCommand('data', 'verify', '--data', root);
    expect(stdout).toMatch(/^cifar10 train: 3 images, 10 classes/);
    expect(stderr).toBe('');
    expect((await runCommand('data', 'verify')).stderr).toMatch(/Neither a data set nor --data/);
  });
});
