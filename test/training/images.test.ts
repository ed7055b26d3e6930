import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/datasets.ts';
import { checkSameImages, imagesOf, keepImages } from '../../src/training/images.ts';
import { runFolder } from '../../src/training/run/run-folder.ts';
import { temporaryFolder, writeTree } from '../data/fixtures.ts';

const ppm = (value: number) => Buffer.concat([Buffer.from('P6 2 2 255\n'), Buffer.alloc(12, value)]);

async function begun() {
  const root = writeTree(temporaryFolder(), {
    'train/ant/a.ppm': ppm(1),
    'train/ant/b.ppm': ppm(2),
    'train/bee/c.ppm': ppm(3),
    'val/ant/d.ppm': ppm(4),
  });
  const folder = runFolder(temporaryFolder());
  const now = async () => {
    const [training, validation] = await Promise.all(
      ['train', 'val'].map(async (split) => {
        const dataset = await openDataset({ kind: 'folder', root, split });
        const images = await imagesOf(dataset);
        await dataset.close();
        return images;
      }),
    );
    return { training: training!, validation: validation! };
  };
  await keepImages(folder, await now());
  const notes: string[] = [];
  const check = async () => checkSameImages(folder, await now(), (line) => notes.push(line));
  return { root, folder, notes, check };
}

describe('a run that goes on', () => {
  it('takes the same pictures under other names', async () => {
    const { root, check, notes } = await begun();
    renameSync(join(root, 'train/ant/b.ppm'), join(root, 'train/ant/bb.ppm'));
    await check();
    expect(notes).toEqual([]);
  });

  it('refuses another number of training images and other labels', async () => {
    const more = await begun();
    writeFileSync(join(more.root, 'train/bee/e.ppm'), ppm(5));
    await expect(more.check()).rejects.toMatchObject({
      code: 'data/images-changed',
      message: expect.stringContaining('was begun with 3 training images; there are 4 now.') as string,
      hint: expect.stringContaining(`--init ${more.folder.root}`) as string,
    });
    const moved = await begun();
    renameSync(join(moved.root, 'train/ant/b.ppm'), join(moved.root, 'train/bee/b.ppm'));
    await expect(moved.check()).rejects.toThrow(
      'training images; there are as many now, but of other labels',
    );
  });

  it('says that it is evaluated on other pictures', async () => {
    const { root, check, notes } = await begun();
    writeFileSync(join(root, 'val/ant/d.ppm'), ppm(5));
    await check();
    expect(notes.join()).toMatch(
      /last evaluated on 1 validation images; there are as many now, .* other pictures: accuracies/,
    );
  });

  it('says where nothing was kept of them', async () => {
    const { check, notes, folder } = await begun();
    renameSync(folder.images, `${folder.images}.away`);
    await check();
    expect(notes.join()).toContain('keeps no record of its images');
  });
});
