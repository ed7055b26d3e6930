import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../../../src/data/image/encode.ts';
import { generateC } from '../../../../src/robustness/benchmarks/images/generated.ts';
import { filesSha256 } from '../../../../src/robustness/benchmarks/images/files-sha256.ts';
import { datasetPart } from '../../../../src/robustness/benchmarks/images/parts.ts';
import {
  LinearClassifier,
  evaluateRelease,
  picture,
  pictureDataset,
  temporaryFolder,
  writePictures,
} from '../world.ts';

describe('kept results', () => {
  it('are not those of other images under the same names', async () => {
    const root = await temporaryFolder();
    const classifier = new LinearClassifier('imagenet1k');
    await writePictures(join(root, 'sketch'), { n01440764: 2, n01443537: 2 });
    const folder = await mkdtemp(join(tmpdir(), 'largekernel-kept-'));
    const first = await evaluateRelease('sketch', root, classifier, { folder });
    expect((await evaluateRelease('sketch', root, classifier, { folder })).metrics).toEqual(first.metrics);
    const of = join(root, 'sketch', 'n01443537');
    const [name = ''] = await readdir(of);
    await writeFile(join(of, name), await encodePng(picture(99)));
    await expect(evaluateRelease('sketch', root, classifier, { folder })).rejects.toMatchObject({
      code: 'evaluate/other-run',
      message: expect.stringMatching(/it is of other images/) as string,
    });
  });
});

describe('the checksum of a list of images', () => {
  const items = [0, 1, 2, 3, 4, 5];
  const dataset = pictureDataset(6, 2);

  it('depends on names, labels and bytes', async () => {
    const part = datasetPart(dataset, 'all');
    const sum = await filesSha256([{ part, items }]);
    expect(await filesSha256([{ part: datasetPart(pictureDataset(6, 2), 'all'), items }])).toBe(sum);
    const others = [
      { ...part, keys: part.keys.map((key) => `${key}!`) },
      { ...part, label: (item: number) => 1 - part.label(item) },
      { ...part, bytes: async (item: number) => picture(item === 5 ? 7 : item, 32, 32) },
      { ...part, bytes: async () => Promise.reject(new Error('unreadable')) },
    ];
    const sums = await Promise.all(others.map(async (other) => filesSha256([{ part: other, items }])));
    expect(new Set([sum, ...sums]).size).toBe(5);
  });

  it('takes stored images once, however many parts are made of them', async () => {
    let reads = 0;
    const counted = {
      ...dataset,
      load: async (i: number) => {
        reads++;
        return dataset.load(i);
      },
    };
    const { parts } = generateC(counted, new LinearClassifier(2), { seed: 0, names: ['fog', 'contrast'] });
    await filesSha256(parts.map((part) => ({ part, items })));
    expect([parts.length, reads]).toEqual([11, 6]);
  });
});
