import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { classList, imagenetClasses, imagenetValLabels } from '../../../../src/data/classes.ts';
import { encodePng } from '../../../../src/data/image/encode.ts';
import { evaluateBenchmark } from '../../../../src/robustness/benchmarks/evaluation/evaluate.ts';
import { prepareBenchmark } from '../../../../src/robustness/benchmarks/images/find-images.ts';
import type { Prepared } from '../../../../src/robustness/benchmarks/images/prepared.ts';
import type { Part } from '../../../../src/robustness/benchmarks/images/parts.ts';
import { findBenchmark } from '../../../../src/robustness/benchmarks/records.ts';
import {
  countProblems,
  nameProblems,
  sameFilesProblems,
} from '../../../../src/robustness/benchmarks/images/release-checks.ts';
import { LinearClassifier, evaluateRelease, picture, temporaryFolder, writePictures } from '../world.ts';

/** The class folder and name of a validation image. */
function fileOf(number: number): { wnid: string; file: string } {
  const wnid = imagenetClasses()[imagenetValLabels()[number - 1]!]!.id;
  return { wnid, file: `ILSVRC2012_val_${String(number).padStart(8, '0')}.JPEG` };
}

function partOf(name: string, keys: readonly string[]): Part {
  const classes = imagenetClasses().map(({ id }) => id);
  return {
    name,
    classes,
    keys,
    frames: 1,
    problems: [],
    stored: null,
    fit: 'model',
    label: (item) => classes.indexOf(keys[item]!.split('/')[0]!),
    place: (item) => item,
    load: async () => [],
    close: async () => undefined,
  };
}

async function prepared(
  id: string,
  more: Partial<Parameters<typeof prepareBenchmark>[0]>,
): Promise<Prepared> {
  const found = await prepareBenchmark(
    {
      classifier: new LinearClassifier('imagenet1k', 224),
      dataRoot: undefined,
      own: undefined,
      generate: false,
      seed: 0,
      names: undefined,
      severities: undefined,
      difficulty: 1,
      jpeg85: undefined,
      selection: {},
      ...more,
    },
    findBenchmark(id),
  );
  if ('kind' in found) throw new Error(found.reason);
  return found;
}

describe('sizes', () => {
  const folders = { n01440764: 2 };

  it('a tree that is not at the release’s 224 px is refused before anything is evaluated, and named', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'imagenet-c', 'fog', '1'), folders, { width: 64, height: 64 });
    await expect(evaluateRelease('c', root, new LinearClassifier('imagenet1k', 224))).rejects.toMatchObject({
      code: 'data/wrong-size',
      message: expect.stringMatching(
        /^ImageNet-C, fog\/1\/n01440764.* stored at 64×64 .* says 224×224$/,
      ) as string,
      hint: expect.stringContaining('--stored-size') as string,
    });
  });

  it('under its own size it is a protocol of its own, never the release’s, without normalised numbers', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'imagenet-c', 'fog', '1'), folders, { width: 64, height: 64 });
    const found = await prepared('c', { dataRoot: root, stored: 64 });
    expect(found).toMatchObject({
      name: 'ImageNet-C at 64 px',
      origin: "images of 64 px, not the release's 224",
    });
    expect(found.normalised).toEqual({ not: 'AlexNet’s numbers are of images of 224 px, and these have 64' });
    const result = await evaluateBenchmark({
      ...found,
      classifier: new LinearClassifier('imagenet1k', 224),
      folder: join(root, 'out'),
      batchSize: 2,
    });
    expect(result.protocol).toMatchObject({
      preprocessing: 'stored at 64 px, resized to 224 bilinear',
      imageSize: 224,
      parts: 'fog 1',
      normaliser: expect.stringMatching(/^none: /) as string,
    });
    expect(result.absent.find(({ id }) => id === 'mce')!.why).toMatch(/images of 224 px, and these have 64/);
  });

  it('a single image of another size is named and counted', async () => {
    const root = await temporaryFolder();
    const folder = join(root, 'stylized-imagenet', 'val');
    await writePictures(folder, folders, { width: 32, height: 32 });
    await writeFile(join(folder, 'n01440764', 'z.png'), await encodePng(picture(1, 32, 30)));
    const result = await evaluateRelease('stylized', root, new LinearClassifier('imagenet1k'), {
      stored: 32,
    });
    expect(result.items).toEqual({ asked: 3, scored: 2, unreadable: 1 });
    expect(result.parts[0]!.failures[0]).toMatchObject({
      key: 'n01440764/z.png',
      message: 'it is stored at 32×30 pixels, and the protocol says 32×32',
    });
  });
});

describe('names and counts', () => {
  const [first, second] = [fileOf(1), fileOf(2)];

  it('files of other names, or in another class than ImageNet’s, are named', () => {
    expect(nameProblems(partOf('all', [`${first.wnid}/${first.file}`]))).toEqual([]);
    const part = partOf('all', [`${second.wnid}/${first.file}`, `${first.wnid}/cat.jpg`]);
    expect(nameProblems(part).map(({ kind, what, count }) => [kind, what, count])).toEqual([
      [
        'names',
        `${first.wnid}/cat.jpg: not named ILSVRC2012_val_<number> as the files of the release are`,
        1,
      ],
      ['names', `${second.wnid}/${first.file}: ImageNet has files of these numbers in other classes`, 1],
    ]);
  });

  it('counts by class: a total that is right does not hide two classes that are not', () => {
    const keys = [first, first, second].map(({ wnid }, i) => `${wnid}/${i}.jpg`);
    const record = { name: 'all', folders: [''], expected: 3, expectedPerClass: 1 };
    expect(countProblems(partOf('all', keys), record, 'images')).toEqual([
      { kind: 'count', part: 'all', what: `3 images, the release has 3; of a class it has 1, here ${first.wnid} (2)`, count: 1 },
    ]); // prettier-ignore
    expect(countProblems(partOf('all', keys.slice(1)), { ...record, expected: 2 }, 'images')).toEqual([]);
  });

  it('corruptions of different files are named', () => {
    const keys = [first, second].map(({ wnid, file }) => `${wnid}/${file}`);
    const parts = [partOf('fog/1', keys), partOf('fog/2', keys), partOf('snow/1', keys.slice(1))];
    expect(sameFilesProblems(parts)).toEqual([
      { kind: 'names', part: 'snow/1', what: `other files than fog/1: without ${keys[0]!.replace('.JPEG', '')}`, count: 1 },
    ]); // prettier-ignore
    expect(sameFilesProblems(parts.slice(0, 2))).toEqual([]);
  });
});

describe('what is called ImageNet', () => {
  it('is not a validation folder of other classes, nor part of the release, nor photographs of its classes', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'photos', 'val'), { cat: 1, dog: 1 });
    const other = await prepared('val', { dataRoot: join(root, 'photos') });
    expect(other.parts).toEqual([]);
    expect(other.problems[0]!.what).toMatch(/cat/);
    const { wnid, file } = fileOf(1);
    await writePictures(join(root, 'some', 'val'), { [wnid]: 1 });
    const some = await prepared('val', { dataRoot: join(root, 'some') });
    expect(some).toMatchObject({ name: 'ImageNet', origin: 'release, not as published' });
    const spec = {
      kind: 'folder',
      root: join(root, 'some'),
      split: 'val',
      classes: classList('imagenet-1k'),
    } as const;
    const own = { spec, title: 'some' };
    await writeFile(join(root, 'some', 'val', wnid, file), await encodePng(picture(1)));
    const strange = join(root, 'some', 'val', wnid, 'a.png');
    await writeFile(strange, await encodePng(picture(2)));
    expect(await prepared('val', { own })).toMatchObject({ name: 'some', origin: expect.stringMatching(/^some, val, \d images$/) as string }); // prettier-ignore
    const generated = await prepared('c', { own, generate: true, names: ['fog'], severities: [1] });
    expect(generated.name).toBe('some-C');
    expect(generated.normalised).toEqual({
      not: 'AlexNet’s numbers are of ImageNet’s validation images, and these are others',
    });
  });
});

describe('relative mCE', () => {
  it('says which run of the clean images it lacks', () => {
    const tally = { items: 10, failures: [], perClass: [], counts: { full1000: { top1: 5, top5: 9, perClass: [] } }, calibration: null, scores: [], clips: null }; // prettier-ignore
    const parts = findBenchmark('c').parts.map(({ name }) => ({ name, tally }));
    const unknown = 'the clean images of ImageNet are not whole: 3 images, the release has 50000';
    const options = { normalised: true, origin: 'release', clean: { unknown } } as const;
    const { absent } = findBenchmark('c').scoring.summarise(parts, options);
    expect(absent).toEqual([
      { id: 'relative-mce', label: 'relative mCE', protocol: '15 corruptions, AlexNet-normalised', why: `it needs the clean error: ${unknown}` },
    ]); // prettier-ignore
  });
});
