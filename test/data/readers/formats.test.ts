import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { classList, imagenetClasses } from '../../../src/data/classes.ts';
import { compareKeys } from '../../../src/data/dataset.ts';
import { openDataset } from '../../../src/data/datasets.ts';
import { leftOut } from '../../../src/data/left-out.ts';
import { contents, golden, temporaryFolder, writeTree } from '../fixtures.ts';

const cache = temporaryFolder();
const classes = classList('imagenet-1k');
const folder = (): ReturnType<typeof openDataset> =>
  openDataset({ kind: 'folder', root: golden('images'), split: 'train', classes });

describe('the same pictures in every format', () => {
  it('give the same samples in the same order', async () => {
    const expected = await contents(await folder());
    expect(expected.map(({ label }) => label)).toEqual([0, 0, 0, 0, 134, 134, 134, 134, 517, 517, 517, 517]);
    expect(new Set(expected.map(({ pixels }) => pixels)).size).toBe(12);

    const tar = await openDataset({ kind: 'imagenet-tar', root: golden('tar'), split: 'train', cache, classes });
    expect(tar.classes).toBe(imagenetClasses());
    expect(await contents(tar)).toEqual(expected);

    const parquet = await openDataset({ kind: 'parquet', root: golden('parquet'), split: 'train', cache, classes });
    expect(parquet.classes).toBe(imagenetClasses());
    expect(await contents(parquet)).toEqual(expected);

    const web = await openDataset({ kind: 'webdataset', root: golden('webdataset'), split: 'train', cache, classes });
    expect(web.classes).toBe(imagenetClasses());
    const jpg = expected.map((row) => ({ ...row, key: row.key.replace('.JPEG', '.jpg') }));
    expect(await contents(web)).toEqual(jpg);
  });

  it.each(['gzip-v2', 'plain', 'snappy-v2-pages'])('parquet written as %s', async (variant) => {
    const expected = await contents(await folder());
    const root = golden(`variants/${variant}.parquet`);
    expect(await contents(await openDataset({ kind: 'parquet', root, split: 'train', cache, classes }))).toEqual(expected);
  });

  it.each(['zstd', 'zstd-v2', 'lz4', 'brotli'])('parquet compressed with %s', async (codec) => {
    const expected = await contents(await folder());
    const root = golden(`codecs/${codec}.parquet`);
    expect(await contents(await openDataset({ kind: 'parquet', root, split: 'train', cache, classes }))).toEqual(expected);
  });

  it.each([
    ['words', ['bee', 'cat', 'wolf'], [2, 1, 2, 0]],
    ['words-plain', ['bee', 'cat', 'wolf'], [2, 1, 2, 0]],
    ['booleans', ['false', 'true'], [1, 0, 1, 1]],
    ['booleans-v2', ['false', 'true'], [1, 0, 1, 1]],
    ['named', ['cat', 'dog', 'wolf'], [2, 0, 2, 1]],
  ])('parquet with %s for labels', async (name, classes, labels) => {
    const root = golden(`labels/${name}.parquet`);
    const data = await openDataset({ kind: 'parquet', root, split: 'train', cache });
    expect(data.classes.map(({ id }) => id)).toEqual(classes);
    expect((await contents(data)).map(({ label }) => label)).toEqual(labels);
  });

  it('parquet whose labels are missing or not clear is refused', async () => {
    const open = (name: string): Promise<unknown> =>
      openDataset({ kind: 'parquet', root: golden(`labels/${name}.parquet`), split: 'train', cache });
    await expect(open('missing')).rejects.toThrow(/n01440764_17\.JPEG has no label, while others are strings such as "cat"/);
    await expect(open('two')).rejects.toThrow(/first_label and second_label may both be meant/);
  });

  it('parquet in several files is one data set, whose numbers mean one thing', async () => {
    const open = (...files: [name: string, source: string][]) => {
      const root = temporaryFolder();
      for (const [name, source] of files) copyFileSync(golden(`labels/${source}.parquet`), join(root, `train-${name}.parquet`));
      return openDataset({ kind: 'parquet', root, split: 'train', cache });
    };
    const data = await open(['00000-of-00004', 'empty'], ['00001-of-00004', 'named']);
    expect((await contents(data)).map(({ label }) => label)).toEqual([2, 0, 2, 1]);
    expect(leftOut('train', data.notes)).toEqual([
      'train: shards that are not there: train-00002-of-00004.parquet, train-00003-of-00004.parquet',
    ]);
    await data.close();
    await expect(open(['0', 'named'], ['1', 'renamed'])).rejects.toThrow(
      /names its classes cat, dog, wolf, but \S*train-1\.parquet names its classes wolf, dog, cat: a number would mean two things/,
    );
    await expect(open(['0', 'named'], ['1', 'booleans'])).rejects.toMatchObject({ code: 'data/mixed-classes' });
  });

  it('parquet without paths keeps the order of the file', async () => {
    const root = golden('variants/nopath.parquet');
    const rows = await contents(await openDataset({ kind: 'parquet', root, split: 'train', cache, classes }));
    expect(rows[0]?.key).toBe('nopath.parquet/0000-000000');
    const pixels = new Set((await contents(await folder())).map((row) => row.pixels));
    expect(new Set(rows.map((row) => row.pixels))).toEqual(pixels);
  });

  it('parquet that cannot be read says what to do', async () => {
    const open = (name: string): Promise<unknown> =>
      openDataset({ kind: 'parquet', root: golden(`variants/${name}.parquet`), split: 'train', cache, classes });
    await expect(open('delta')).rejects.toThrow(/encoding DELTA_BINARY_PACKED/);
    await expect(open('missing')).rejects.toMatchObject({ code: 'data/not-found' });
  });

  it('the validation images: flat folder, class folders and tar agree', async () => {
    const archive = await openDataset({ kind: 'imagenet-tar', root: golden('tar'), split: 'val', cache, classes });
    const expected = await contents(archive);
    expect(expected).toHaveLength(6);
    // Labels of ILSVRC2012_val_00000001 … 6 in the official list.
    const labels = [65, 970, 230, 809, 516, 57];
    const sources = ['10', '17', '24', '31'].map((n) => `n01440764/n01440764_${n}.JPEG`);
    sources.push('n02012849/n02012849_10.JPEG', 'n02012849/n02012849_17.JPEG');
    const root = temporaryFolder();
    for (const [i, source] of sources.entries()) {
      const name = `ILSVRC2012_val_0000000${i + 1}.JPEG`;
      const bytes = readFileSync(golden(`images/train/${source}`));
      writeTree(root, {
        [`flat/${name}`]: bytes,
        [`val/${imagenetClasses()[labels[i] as number]?.id ?? ''}/${name}`]: bytes,
      });
    }
    for (const split of ['flat', 'val'])
      expect(await contents(await openDataset({ kind: 'folder', root, split, classes }))).toEqual(expected);
  });

  it('an index from the cache gives the same, and a changed file is indexed anew', async () => {
    const root = temporaryFolder();
    const own = join(root, 'cache');
    mkdirSync(join(root, 'shards'));
    const shard = join(root, 'shards', 'train-0.tar');
    copyFileSync(golden('webdataset/train-000000.tar'), shard);
    const open = async (): Promise<{ key: string }[]> =>
      contents(await openDataset({ kind: 'webdataset', root: join(root, 'shards'), split: 'train', cache: own }));
    const first = await open();
    expect(first).toHaveLength(7);
    expect(await open()).toEqual(first);
    copyFileSync(golden('webdataset/train-000001.tar'), shard);
    const second = await open();
    expect(second).toHaveLength(5);
    expect(second.map(({ key }) => key)).not.toContain(first[0]?.key);
  });

  it('a cache that cannot be written is only noted', async () => {
    const root = writeTree(temporaryFolder(), { file: '' });
    const blocked = join(root, 'file', 'cache');
    const data = await openDataset({ kind: 'imagenet-tar', root: golden('tar'), split: 'train', cache: blocked });
    expect(data.length).toBe(12);
    expect(data.notes.map(({ kind }) => kind)).toEqual(['no cache']);
    await data.close();
  });
});

it('keys are ordered like sorted folders', () => {
  const keys = ['a-b/x', 'a/z', 'b/a', 'a/b', 'a'];
  expect(keys.sort(compareKeys)).toEqual(['a', 'a/b', 'a/z', 'a-b/x', 'b/a']);
});
