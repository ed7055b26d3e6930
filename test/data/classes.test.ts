import { describe, expect, it } from 'vitest';
import {
    classList,
    dataFile,
    imagenetClassIndex,
    imagenetClasses,
    imagenetSubset,
    imagenetValLabel,
    imagenetValLabels,
    imagenetValSubset5k,
} from '../../src/data/classes.ts';
import { DATASETS, FORMATS, namedDataset, openDataset } from '../../src/data/datasets.ts';
import type { DatasetKind } from '../../src/data/dataset.ts';
import { NORMALIZATIONS, normalization } from '../../src/data/normalization.ts';
import { readFileSync } from 'node:fs';

describe('class lists', () => {
  it('ImageNet: index = rank of the wnid; crane is twice there', () => {
    const ids = imagenetClasses().map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids).toHaveLength(1000);
    expect(imagenetClasses()[134]?.name).toBe(imagenetClasses()[517]?.name);
    expect(imagenetClassIndex('n03126707')).toBe(517);
    expect(imagenetClassIndex('n00000000')).toBeUndefined();
  });

  it('validation labels: 50 images of each class, by number', () => {
    const counts = new Array<number>(1000).fill(0);
    for (const label of imagenetValLabels()) counts[label]!++;
    expect(new Set(counts)).toEqual(new Set([50]));
    expect(imagenetValLabel('ILSVRC2012_val_00000001.JPEG')).toBe(65); // sea snake
    expect(imagenetValLabel('ILSVRC2012_val_00050001.JPEG')).toBeUndefined();
    expect(imagenetValLabel('ILSVRC2012_val_00000000.JPEG')).toBeUndefined();
    expect(imagenetValLabel('ILSVRC2012_test_00000001.JPEG')).toBeUndefined();
    expect(new Set(imagenetValSubset5k()).size).toBe(5000);
  });

  it.each(['a', 'r', 'o'] as const)('ImageNet-%s: 200 of the 1000, in folder order', (letter) => {
    const { wnids, indices1k } = imagenetSubset(letter);
    expect(wnids).toHaveLength(200);
    expect(wnids).toEqual([...wnids].sort());
    expect(wnids.map(imagenetClassIndex)).toEqual(indices1k);
  });

  it('lengths and order of the small ones', () => {
    expect((['cifar10', 'cifar100', 'fashion-mnist', 'mnist'] as const).map((n) => classList(n).classes.length)).toEqual([
      10, 100, 10, 10,
    ]);
    const fine = classList('cifar100').classes.map(({ name }) => name);
    expect(fine).toEqual([...fine].sort());
    expect(classList('imagenet-1k').classes).toBe(imagenetClasses());
  });

  it('the benchmark tables are there', () => {
    for (const name of ['imagenet-9', 'alexnet-imagenet-c', 'alexnet-imagenet-p'])
      expect(JSON.parse(readFileSync(dataFile(`imagenet/${name}.json`), 'utf8'))).toHaveProperty('_about');
  });
});

describe('registry', () => {
  it('every named data set has a format, a description and a mean', () => {
    for (const { kind, description, normalization: name, alsoAs } of Object.values(DATASETS)) {
      expect(description.length).toBeGreaterThan(10);
      expect(NORMALIZATIONS[name].std).toHaveLength(3);
      for (const format of [kind, ...alsoAs]) expect(FORMATS[format].description).not.toBe('');
    }
  });

  it('gives specs, and near names for wrong ones', async () => {
    const imagenet = { name: 'imagenet-1k', classes: imagenetClasses() };
    expect(namedDataset('imagenet', 'val', { root: '/x', kind: 'parquet' })).toEqual({
      kind: 'parquet',
      root: '/x',
      split: 'val',
      classes: imagenet,
      own: imagenet,
    });
    expect(() => namedDataset('imagenet', 'val')).toThrow(/does not come with the project/);
    expect(() => namedDataset('imagenet', 'val', { root: '/x', kind: 'idx' })).toThrow(/no data format "idx"/);
    expect(() => namedDataset('fashon-mnist', 'val')).toThrowError(
      expect.objectContaining({ hint: 'did you mean fashion-mnist?' }) as Error,
    );
    const kind = 'folders' as DatasetKind;
    await expect(openDataset({ kind, root: '', split: '' })).rejects.toMatchObject({ hint: 'did you mean folder?' });
    expect(normalization('cifar10')).toBe(NORMALIZATIONS.cifar10);
    expect(() => normalization('cifar')).toThrow(/no mean and std/);
  });
});
