import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../../../src/data/image/decode.ts';
import { openFolder } from '../../../../src/data/readers/folder.ts';
import { exportC, exportP } from '../../../../src/robustness/benchmarks/crew/export.ts';
import { locate } from '../../../../src/robustness/benchmarks/images/locate.ts';
import { openRelease } from '../../../../src/robustness/benchmarks/images/release.ts';
import { findBenchmark } from '../../../../src/robustness/benchmarks/records.ts';
import { corrupt } from '../../../../src/robustness/corruptions/registry.ts';
import { hasFfmpeg, pictureDataset, temporaryFolder, writePictures } from '../world.ts';

describe('writing benchmarks to disk', () => {
  it('C in the layout of the release: found again, same pixels, and an export goes on where it stopped', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'val'), { n01440764: 2, n01443537: 1 }, { width: 64, height: 64 });
    const dataset = await openFolder({ kind: 'folder', root, split: 'val' });
    const folder = join(root, 'imagenet-c');
    const options = { seed: 3, size: 64, names: ['fog', 'contrast'], severities: [2, 5] as const };
    expect(await exportC(dataset, folder, { ...options, selection: { limit: 1 } })).toMatchObject({
      written: 4,
      kept: 0,
    });
    expect(await exportC(dataset, folder, options)).toEqual({ written: 8, kept: 4, failures: [] });
    const { parts } = await openRelease(await locate(findBenchmark('c'), root));
    expect(parts.map(({ name, keys }) => [name, keys.length])).toEqual([
      ['fog/2', 3],
      ['fog/5', 3],
      ['contrast/2', 3],
      ['contrast/5', 3],
    ]);
    const [stored] = await parts[0]!.load(1);
    const direct = await corrupt(await dataset.read(1), 'fog', 2, { seed: 3, imageNumber: 1, jpeg85: true });
    expect(stored!.data).toEqual(direct.data);
  });

  it('never mixes files that were made in different ways', async () => {
    const folder = await temporaryFolder();
    const options = { seed: 0, size: 32, names: ['contrast'], severities: [1] as const };
    await exportC(pictureDataset(2, 1), folder, options);
    const again = (more: object, dataset = pictureDataset(2, 1)) =>
      exportC(dataset, folder, { ...options, ...more });
    await expect(again({ seed: 1 })).rejects.toThrow(/were made with seed 0, not 1/);
    await expect(again({ size: 16 })).rejects.toThrow(/were made with size 32, not 16/);
    // A draw depends on an image's number, which another image before it changes.
    await expect(again({}, pictureDataset(3, 1))).rejects.toThrow(/were made with other images/);
    // The same names, and one image is another.
    const two = pictureDataset(2, 1);
    const like = { ...two, load: async (i: number) => two.load(i === 1 ? 0 : i) };
    await expect(again({}, like)).rejects.toThrow(/were made with other images/);
    expect(await again({ severities: [1, 2] })).toMatchObject({ written: 2, kept: 2 });
    await rm(join(folder, 'export-c.json'));
    await expect(again({})).rejects.toThrow(/holds contrast\/1, and no record/);
  });

  it('other formats get a folder per class; aborting leaves whole files', async () => {
    const folder = await temporaryFolder();
    const dataset = pictureDataset(2, 2);
    await exportC(dataset, folder, { seed: 0, size: 32, names: ['frost'], severities: [1] });
    expect(await readdir(join(folder, 'frost/1'))).toEqual(['class 0', 'class 1']);
    const file = join(folder, 'frost/1/class 0/picture 0.JPEG');
    expect(await decodeImage(await readFile(file), file)).toMatchObject({ width: 32, height: 32 });
    const stopped = exportC(dataset, folder, { seed: 0, size: 32, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'evaluate/aborted' });
  });

  it.skipIf(!hasFfmpeg)('P as clips that the reader of the release decodes (needs ffmpeg)', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'val'), { n01440764: 1 }, { width: 300, height: 256 });
    const dataset = await openFolder({ kind: 'folder', root, split: 'val' });
    await exportP(dataset, join(root, 'imagenet-p'), { seed: 0, size: 224, names: ['translate'] });
    const { parts } = await openRelease(await locate(findBenchmark('p'), root));
    expect(parts.map(({ name, keys, frames }) => [name, keys, frames])).toEqual([
      ['translate', ['n01440764/ILSVRC2012_val_00000001.mp4'], 41],
    ]);
    expect(await parts[0]!.load(0)).toHaveLength(41);
  });
});
