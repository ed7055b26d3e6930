import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { classList } from '../../../src/data/classes.ts';
import { openDataset } from '../../../src/data/datasets.ts';
import type { ClassTarget, Dataset } from '../../../src/data/dataset.ts';
import { leftOut } from '../../../src/data/left-out.ts';
import { checkImages, listImages } from '../../../src/training/evaluation/predict.ts';
import type { FrameworkError } from '../../../src/util/errors.ts';
import { golden, temporaryFolder, writeTree } from '../fixtures.ts';

const jpeg = readFileSync(golden('images/train/n01440764/n01440764_10.JPEG'));

function open(files: Record<string, string | Uint8Array>, classes?: ClassTarget): Promise<Dataset> {
  const root = writeTree(temporaryFolder(), files);
  return openDataset({ kind: 'folder', root, split: 'train', ...(classes ? { classes } : {}) });
}

const keysOf = (data: Dataset): string[] => Array.from({ length: data.length }, (_, i) => data.key(i));
const labelsOf = (data: Dataset): number[] => Array.from({ length: data.length }, (_, i) => data.label(i));

describe('image folder', () => {
  it('sorts classes and files and numbers unknown classes by position', async () => {
    const data = await open({
      'train/b/2.png': jpeg,
      'train/b/10.jpg': jpeg,
      'train/a b/x.JPEG': jpeg,
      'train/B/y.jpeg': jpeg,
    });
    expect(keysOf(data)).toEqual(['B/y.jpeg', 'a b/x.JPEG', 'b/10.jpg', 'b/2.png']);
    expect(labelsOf(data)).toEqual([0, 1, 2, 2]);
    expect(data.classes.map(({ id }) => id)).toEqual(['B', 'a b', 'b']);
    expect(data.notes).toEqual([{ kind: 'duplicate class', path: 'b = B' }]);
  });

  it('says what is there in place of a split that is not', async () => {
    const root = writeTree(temporaryFolder(), { 'photos/train/cat/1.jpg': jpeg });
    const refusal = (path: string) =>
      openDataset({ kind: 'folder', root: join(root, path), split: 'train' }).then(
        () => 'none',
        ({ message, hint }: FrameworkError) => `${message}: ${hint ?? ''}`.replaceAll(root, ''),
      );
    expect(await refusal('photos/train')).toBe(
      '/photos/train has no folder train; it holds the folders cat: it seems to be a split itself: give the folder above it, /photos',
    );
    expect(await refusal('')).toMatch(/ has no folder train; it holds the folders photos: check/);
    expect(await refusal('fotos')).toBe('/fotos is no folder that can be read: did you mean /photos?');
  });

  it('reports what it leaves out', async () => {
    const root = writeTree(temporaryFolder(), {
      'train/cat/1.jpg': jpeg,
      'train/cat/notes.txt': '',
      'train/cat/.DS_Store': '',
      'train/cat/deeper/2.jpg': jpeg,
      'train/.hidden/3.jpg': jpeg,
      'train/README': '',
      'elsewhere/4.jpg': jpeg,
    });
    mkdirSync(join(root, 'train', 'dog'));
    symlinkSync(join(root, 'elsewhere'), join(root, 'train', 'emu'));
    symlinkSync(join(root, 'train', 'cat'), join(root, 'train', 'zcat'));
    symlinkSync(join(root, 'nowhere'), join(root, 'train', 'gone'));
    const data = await openDataset({ kind: 'folder', root, split: 'train' });
    expect(keysOf(data)).toEqual(['cat/1.jpg', 'cat/deeper/2.jpg', 'emu/4.jpg', 'zcat/1.jpg', 'zcat/deeper/2.jpg']);
    expect(labelsOf(data)).toEqual([0, 0, 1, 2, 2]);
    const notes = data.notes.map(({ kind, path }) => `${kind}: ${path}`).sort();
    expect(notes).toEqual([
      'broken link: gone',
      'duplicate class: zcat = cat',
      'empty class: dog',
      'hidden: .hidden',
      'hidden: cat/.DS_Store',
      'hidden: zcat/.DS_Store',
      'stray: README',
      'stray: cat/notes.txt',
      'stray: zcat/notes.txt',
    ]);
  });

  it('finds the images torchvision finds: in folders of a class, behind links, of every kind', async () => {
    const root = writeTree(temporaryFolder(), {
      'train/ash/1.png': jpeg,
      'train/ash/more/2.PNG': jpeg,
      'train/ash/more/deeper/0.webp': jpeg,
      'train/birch/a.bmp': jpeg,
      'train/birch/a.ppm': jpeg,
      'train/birch/a.tif': jpeg,
      'train/cedar/1.heic': 'x',
      'train/cedar/2.HEIC': 'x',
      'train/cedar/list': 'x',
      'elsewhere/9.gif': jpeg,
    });
    symlinkSync(join(root, 'elsewhere'), join(root, 'train', 'birch', 'linked'));
    symlinkSync(join(root, 'train', 'birch'), join(root, 'train', 'birch', 'loop'));
    const data = await openDataset({ kind: 'folder', root, split: 'train' });
    expect(keysOf(data)).toEqual([
      'ash/1.png',
      'ash/more/2.PNG',
      'ash/more/deeper/0.webp',
      'birch/a.bmp',
      'birch/a.ppm',
      'birch/a.tif',
      'birch/linked/9.gif',
    ]);
    expect(data.classes.map(({ id }) => id)).toEqual(['ash', 'birch']);
    expect(leftOut('train', data.notes)).toEqual([
      'train: 2 .heic files left out, for example cedar/1.heic',
      'train: 1 file without extension left out, cedar/list',
      'train: a link that leads back into its own folder: birch/loop',
      'train: no image can be read in the class: cedar',
    ]);
    expect((await data.read(2)).width).toBeGreaterThan(0);
  });

  it('predict finds the same, and says what else there is', async () => {
    const root = writeTree(temporaryFolder(), { 'a/1.webp': jpeg, 'b.gif': jpeg, 'c.heic': 'x', '.d.jpg': 'x' });
    const said: string[] = [];
    const files = await listImages([root], (line) => said.push(line));
    expect(files).toEqual([join(root, 'a/1.webp'), join(root, 'b.gif')]);
    expect(said).toEqual([
      `${root}: 1 hidden file left out, .d.jpg`,
      `${root}: 1 .heic file left out, c.heic`,
    ]);
    await expect(listImages([join(root, 'nowhere')], () => undefined)).rejects.toMatchObject({ code: 'data/not-found' });
  });

  it('predict looks at every image before anything long, and counts the unreadable', async () => {
    const root = writeTree(temporaryFolder(), { 'a.jpg': jpeg, 'b.jpg': jpeg.subarray(0, 300), 'c.jpg': 'x', 'd.jpg': jpeg });
    const files = await listImages([root], () => undefined);
    await expect(checkImages(files)).rejects.toMatchObject({
      code: 'image/corrupt',
      message: expect.stringMatching(/b\.jpg is a JPEG of 300 bytes .*; 2 of 4 images cannot be read$/) as unknown,
    });
    await expect(checkImages([join(root, 'e.jpg')])).rejects.toMatchObject({ code: 'file/missing' });
    let looked = 0;
    await checkImages(files.filter((file) => /[ad]\.jpg$/.test(file)), (count) => (looked = count));
    expect(looked).toBe(2);
  });

  it('a folder of splits is one level too high', async () => {
    await expect(open({ 'train/val/cat/a.jpg': jpeg, 'train/train/cat/b.jpg': jpeg })).rejects.toMatchObject({
      hint: 'it holds the folders train, val: is one of them the split?',
    });
  });

  it('orders classes by code point, as torchvision does', async () => {
    // By UTF-16 units the emoji (U+1F41C) would come before the full-width letter (U+FF41).
    const data = await open({ 'train/🐜/x.png': jpeg, 'train/ａ/x.png': jpeg, 'train/Zebra/x.png': jpeg });
    expect(data.classes.map(({ id }) => id)).toEqual(['Zebra', 'ａ', '🐜']);
  });

  it('wnids make a class each, and the 1000 only where they are asked for', async () => {
    const files = { 'train/n03126707/a.jpg': jpeg, 'train/n02012849/b.jpg': jpeg, 'train/__MACOSX/x.txt': '' };
    const found = await open(files);
    expect(labelsOf(found)).toEqual([0, 1]);
    expect(found.classes.map(({ name }) => name)).toEqual(['crane', 'crane']);
    const data = await open(files, classList('imagenet-1k'));
    expect(labelsOf(data)).toEqual([134, 517]);
    expect(data.classes).toHaveLength(1000);
  });

  it('refuses a stray folder among wnids, unless each folder is to be a class', async () => {
    const files = { 'train/n03126707/a.jpg': jpeg, 'train/lost+found/b.jpg': jpeg };
    await expect(open(files)).rejects.toThrow(/1 classes are named by ImageNet wnid, but 1 are not: lost\+found/);
    expect((await open(files, 'folders')).classes.map(({ id }) => id)).toEqual(['lost+found', 'n03126707']);
  });

  it('a class list numbers by name', async () => {
    const cifar10 = classList('cifar10');
    const data = await open({ 'train/truck/a.jpg': jpeg, 'train/cat/a.jpg': jpeg }, cifar10);
    expect(labelsOf(data)).toEqual([3, 9]);
    await expect(open({ 'train/lorry/a.jpg': jpeg }, cifar10)).rejects.toThrow(
      /train: 1 class is not among the 10 of cifar10: lorry/,
    );
  });

  it('says which folders there are when the split holds no image', async () => {
    await expect(open({ 'train/training/cat/a.jpg': jpeg })).rejects.toMatchObject({
      code: 'data/empty',
      hint: 'it holds the folders training: is one of them the split?',
    });
    await expect(open({ 'val/cat/a.jpg': jpeg })).rejects.toMatchObject({ code: 'data/not-found' });
    await expect(open({ 'train/a.jpg': jpeg })).rejects.toMatchObject({ code: 'data/no-classes' });
  });

  it('an unreadable image is named', async () => {
    const data = await open({ 'train/cat/bad.jpg': jpeg.subarray(0, 400), 'train/cat/text.jpg': 'hello' });
    await expect(data.read(0)).rejects.toThrow(/cat\/bad\.jpg/);
    await expect(data.read(1)).rejects.toThrow(/cat\/text\.jpg/);
    await expect(data.read(2)).rejects.toMatchObject({ code: 'data/bad-index' });
  });
});
