import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imagenetClasses, imagenetSubset } from '../../../../src/data/classes.ts';
import { toTensor } from '../../../../src/data/transform.ts';
import { evaluateBenchmark } from '../../../../src/robustness/benchmarks/evaluation/evaluate.ts';
import { generateC, generateP } from '../../../../src/robustness/benchmarks/images/generated.ts';
import { locate } from '../../../../src/robustness/benchmarks/images/locate.ts';
import type { Progress } from '../../../../src/robustness/benchmarks/evaluation/options.ts';
import { datasetPart, type Part } from '../../../../src/robustness/benchmarks/images/parts.ts';
import { openRelease } from '../../../../src/robustness/benchmarks/images/release.ts';
import { findBenchmark } from '../../../../src/robustness/benchmarks/records.ts';
import { EvaluationStore } from '../../../../src/robustness/benchmarks/evaluation/store.ts';
import { findMetric } from '../../../../src/robustness/benchmarks/evaluation/result.ts';
import { readClip } from '../../../../src/robustness/benchmarks/images/video.ts';
import { averagePrecision } from '../../../../src/robustness/metrics/detection.ts';
import { argmax, restrict, softmax } from '../../../../src/robustness/metrics/accuracy.ts';
import { imagenet9Classes } from '../../../../src/robustness/metrics/normalisers.ts';
import {
  LinearClassifier,
  evaluateRelease,
  hasFfmpeg,
  picture,
  pictureDataset,
  temporaryFolder,
  writePictures,
} from '../world.ts';

/** Logits of every item of the release's parts, one image at a time. */
async function logitsOf(id: string, root: string, classifier: LinearClassifier) {
  const { parts } = await openRelease(await locate(findBenchmark(id), root));
  const { evalConfig, mean, std, imageSize } = classifier.preprocessing;
  const { evalTransform } = await import('../../../../src/data/transform.ts');
  const out: { part: string; label: number; logits: Float32Array }[] = [];
  for (const part of parts)
    for (let i = 0; i < part.keys.length; i++) {
      const x = new Float32Array(3 * imageSize ** 2);
      toTensor(evalTransform(evalConfig)((await part.load(i))[0]!), mean, std, x);
      out.push({ part: part.name, label: part.label(i), logits: await classifier.logits(x, 1) });
    }
  return out;
}

describe('classification', () => {
  it('ImageNet-A: both protocols equal a direct computation, whatever the batch size', async () => {
    const root = await temporaryFolder();
    const { wnids, indices1k } = imagenetSubset('a');
    await writePictures(join(root, 'imagenet-a'), Object.fromEntries(wnids.slice(0, 6).map((w) => [w, 4])));
    const classifier = new LinearClassifier('imagenet1k');
    const result = await evaluateRelease('a', root, classifier);
    const direct = await logitsOf('a', root, classifier);
    const share = (of: (x: (typeof direct)[0]) => boolean): number =>
      (100 * direct.filter(of).length) / direct.length;
    const masked = share(({ label, logits }) => argmax(restrict(logits, indices1k)) === label);
    const full = share(({ label, logits }) => argmax(logits) === indices1k[label]);
    expect(findMetric(result, 'top1', 'masked200')!.value).toBeCloseTo(masked, 10);
    expect(findMetric(result, 'top1', 'full1000')!.value).toBeCloseTo(full, 10);
    expect(result.items).toEqual({ asked: 24, scored: 24, unreadable: 0 });
    expect(Object.keys(result.perClass.masked200!)).toEqual(wnids.slice(0, 6));
    expect(Object.values(result.perClass.masked200!).map(([, total]) => total)).toEqual([4, 4, 4, 4, 4, 4]);
    expect(result.complete).toBe(false); // 194 classes and 7,476 images are missing
    const other = await evaluateRelease('a', root, classifier, { batchSize: 7 });
    expect(other.metrics).toEqual(result.metrics);
  });

  it('validation images of any classes; an unreadable one is named and counted', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'val'), { cat: 3, dog: 3 });
    await writeFile(join(root, 'val', 'cat', 'broken.jpg'), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]));
    const result = await evaluateRelease('val', root, new LinearClassifier(2));
    expect(result.items).toEqual({ asked: 7, scored: 6, unreadable: 1 });
    expect(result.complete).toBe(false);
    expect(result.problems.map(({ kind }) => kind)).toEqual(['unreadable']);
    await expect(evaluateRelease('val', root, new LinearClassifier(3))).rejects.toMatchObject({
      code: 'evaluate/classes',
    });
    expect(result.parts[0]!.failures[0]!.key).toBe('cat/broken.jpg');
    expect(findMetric(result, 'top1')!.protocol).toBe('full2');
    expect(findMetric(result, 'rms-calibration')!.value).toBeGreaterThan(0);
    const limited = await evaluateRelease('val', root, new LinearClassifier(2), { selection: { limit: 2 } });
    expect(limited.protocol.subset).toBe('2 images of each part, evenly spaced');
    expect(limited.items.asked).toBe(2);
  });

  it('refuses models it says nothing about, and data without any part', async () => {
    const root = await temporaryFolder();
    await expect(evaluateRelease('r', root, new LinearClassifier(10))).rejects.toMatchObject({
      code: 'evaluate/not-applicable',
    });
    await expect(evaluateRelease('r', root, new LinearClassifier('imagenet1k'))).rejects.toMatchObject({
      code: 'evaluate/nothing',
    });
  });
});

describe('ImageNet-O and ImageNet-9', () => {
  it('AUPR from the softmax over 200, unknown classes positive', async () => {
    const root = await temporaryFolder();
    const { wnids, indices1k } = imagenetSubset('o');
    await writePictures(join(root, 'imagenet-o'), { [wnids[0]!]: 3, [wnids[1]!]: 2 });
    await writePictures(join(root, 'val'), { [wnids[0]!]: 5, [wnids[2]!]: 4, n01440764: 2 });
    const classifier = new LinearClassifier('imagenet1k');
    const result = await evaluateRelease('o', root, classifier);
    const direct = await logitsOf('o', root, classifier);
    const scores = (name: string): number[] =>
      direct
        .filter(({ part }) => part === name)
        .map(({ logits }) => -Math.max(...softmax(restrict(logits, indices1k))));
    expect(findMetric(result, 'aupr')!.value).toBeCloseTo(
      100 * averagePrecision(scores('out'), scores('in')),
      10,
    );
    expect(result.items.asked).toBe(14);
  });

  it('ImageNet-9 through the map of 1000 classes, BG-Gap from unrounded accuracies', async () => {
    const root = await temporaryFolder();
    for (const variation of ['original', 'mixed_same', 'mixed_rand'])
      await writePictures(
        join(root, 'bg_challenge', variation, 'val'),
        Object.fromEntries(imagenet9Classes().folders.map((n) => [n, 2])),
        { width: 32, height: 32 },
      );
    const classifier = new LinearClassifier('imagenet1k');
    const result = await evaluateRelease('9', root, classifier, { stored: 32 });
    const direct = await logitsOf('9', root, classifier);
    const map = imagenet9Classes().map_1k_to_9;
    const share = (name: string): number => {
      const rows = direct.filter(({ part }) => part === name);
      return (100 * rows.filter(({ label, logits }) => map[argmax(logits)] === label).length) / rows.length;
    };
    expect(findMetric(result, 'original')!.value).toBeCloseTo(share('original'), 10);
    expect(findMetric(result, 'bg-gap')!.value).toBeCloseTo(share('mixed_same') - share('mixed_rand'), 10);
  });
});

describe('resuming', () => {
  it('a killed evaluation goes on and ends with the same bytes', async () => {
    const dataset = pictureDataset(23, 5);
    const benchmark = findBenchmark('val');
    const options = {
      benchmark,
      origin: 'release',
      batchSize: 3,
      imagesPerUnit: 5,
      parts: [datasetPart(dataset, 'all')],
    };
    const [whole, cut] = [await temporaryFolder(), await temporaryFolder()];
    await evaluateBenchmark({ ...options, classifier: new LinearClassifier(5), folder: whole });
    const dying = new LinearClassifier(5);
    dying.failAfter = 5;
    await expect(evaluateBenchmark({ ...options, classifier: dying, folder: cut })).rejects.toThrow('killed');
    expect(await readdir(join(cut, 'units'))).toHaveLength(2);
    const resumed = new LinearClassifier(5);
    const seen: Progress[] = [];
    await evaluateBenchmark({
      ...options,
      classifier: resumed,
      folder: cut,
      onProgress: (p) => seen.push(p),
    });
    expect(resumed.calls).toBeLessThan(8);
    expect(seen.at(-1)).toMatchObject({ imagesDone: 23, imagesTotal: 23 });
    for (const file of ['result.json', 'identity.json', 'units/00004.json'])
      expect(await readFile(join(cut, file), 'utf8')).toBe(await readFile(join(whole, file), 'utf8'));
  });

  it('is one process’s at a time', async () => {
    const folder = join(await temporaryFolder(), 'x');
    const parts = [datasetPart(pictureDataset(5, 5), 'all')];
    const once = () =>
      evaluateBenchmark({
        benchmark: findBenchmark('val'), classifier: new LinearClassifier(5), parts, origin: 'release', folder, batchSize: 4,
      }); // prettier-ignore
    const both = await Promise.allSettled([once(), once()]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'held/folder', message: expect.stringContaining(`process ${process.pid}`) as string },
    });
    expect(await readdir(folder)).not.toContain('claim.json');
  });

  it('never mixes evaluations of different things; stops when told to', async () => {
    const benchmark = findBenchmark('val');
    const folder = await temporaryFolder();
    const parts = [datasetPart(pictureDataset(6, 2), 'all')];
    const options = {
      benchmark,
      origin: 'release',
      batchSize: 2,
      folder,
      classifier: new LinearClassifier(2),
    };
    await evaluateBenchmark({ ...options, parts });
    const fewer = [datasetPart(pictureDataset(5, 2), 'all')];
    await expect(evaluateBenchmark({ ...options, parts: fewer })).rejects.toThrow(
      /it is of other images, by/,
    );
    const signal = AbortSignal.abort();
    const elsewhere = await temporaryFolder();
    await expect(evaluateBenchmark({ ...options, parts, signal, folder: elsewhere })).rejects.toMatchObject({
      code: 'evaluate/aborted',
    });
  });
});

describe('generated benchmarks of any class space', () => {
  it('C: severity 0 reproduces the clean accuracy, all aggregates but the AlexNet-normalised', async () => {
    const classifier = new LinearClassifier(10);
    const dataset = pictureDataset(10, 10);
    const generated = generateC(dataset, classifier, { seed: 0 });
    const folder = await temporaryFolder();
    const options = { benchmark: findBenchmark('c'), classifier, batchSize: 10 };
    const result = await evaluateBenchmark({ ...options, ...generated, folder });
    expect(result.parts).toHaveLength(96);
    expect(result.complete).toBe(true);
    expect(result.protocol.dataOrigin).toBe(
      'generated (seed 0, generator 1, CIFAR-10-C parameters, 32 px, no final JPEG)',
    );
    const clean = await evaluateBenchmark({
      ...options,
      benchmark: findBenchmark('val'),
      parts: [datasetPart(dataset, 'all')],
      origin: 'release',
      folder: await temporaryFolder(),
    });
    expect(findMetric(result, 'clean')!.value).toBe(findMetric(clean, 'top1')!.value);
    expect(result.metrics.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'mean-error-15',
        'mean-error-19',
        'accuracy-19-severity-5',
        'mean-error-noise',
        'ece',
      ]),
    );
    expect(findMetric(result, 'mce')).toBeUndefined();
    const errors = result.parts.slice(1, 76).map(({ metrics }) => 100 - metrics[0]!.value);
    expect(findMetric(result, 'mean-error-15')!.value).toBeCloseTo(
      errors.reduce((a, b) => a + b, 0) / 75,
      10,
    );
  });

  it.each([
    ['larger than the input', 64, 28, { resize: 32, crop: 28, squash: false, interpolation: 'bicubic' }],
    ['squashed', 64, 28, { resize: 28, crop: null, squash: true, interpolation: 'bilinear' }],
    ['as large as the input', 28, 28, { resize: 32, crop: 28, squash: false, interpolation: 'bicubic' }],
    ['smaller than the input', 20, 28, { resize: 32, crop: 28, squash: false, interpolation: 'bicubic' }],
  ] as const)('C: severity 0 is the clean run bit for bit, of pictures %s', async (_, side, size, config) => {
    const dataset = pictureDataset(3, 10, side);
    const inputs = async (parts: readonly Part[], id: string): Promise<Float32Array[]> => {
      const classifier = new LinearClassifier(10, size);
      const seen: Float32Array[] = [];
      await evaluateBenchmark({
        benchmark: findBenchmark(id),
        classifier: {
          ...classifier,
          preprocessing: { ...classifier.preprocessing, evalConfig: config },
          logits(batch, n) {
            seen.push(batch.slice());
            return classifier.logits(batch, n);
          },
        },
        parts,
        origin: 'any',
        folder: await temporaryFolder(),
        batchSize: 3,
      });
      return seen;
    };
    const model = new LinearClassifier(10, size);
    const generated = generateC(
      dataset,
      {
        ...model,
        preprocessing: { ...model.preprocessing, evalConfig: config },
        logits: (x, n) => model.logits(x, n),
      },
      { seed: 0, names: ['contrast'], severities: [1] },
    );
    const clean = await inputs([datasetPart(dataset, 'all')], 'val');
    const [zero, one] = await inputs(generated.parts, 'c');
    expect(generated.parts.map(({ name }) => name)).toEqual(['clean/0', 'contrast/1']);
    expect(zero).toEqual(clean[0]);
    expect(one).not.toEqual(clean[0]);
  });

  it('an image that does not become the size of the input is named, never written into a part of it', async () => {
    const classifier = new LinearClassifier(2);
    const evalConfig = { resize: null, crop: null, squash: false, interpolation: 'bilinear' } as const;
    const preprocessing = { ...classifier.preprocessing, evalConfig };
    const result = await evaluateBenchmark({
      benchmark: findBenchmark('val'),
      classifier: { ...classifier, preprocessing, logits: (x, n) => classifier.logits(x, n) },
      parts: [datasetPart(pictureDataset(2, 2, 20), 'all')],
      origin: 'any',
      folder: await temporaryFolder(),
      batchSize: 2,
    });
    expect(result.items).toEqual({ asked: 2, scored: 0, unreadable: 2 });
    expect(result.problems[0]!.what).toMatch(/becomes 20×20 pixels, but the model takes 32×32/);
  });

  it('logits that are not finite are an error that stops the evaluation', async () => {
    const classifier = new LinearClassifier(2);
    const broken = (value: number) => ({
      ...classifier,
      logits: async (_: Float32Array, n: number) => new Float32Array(2 * n).fill(1).fill(value, 3),
    });
    for (const value of [NaN, Infinity, -Infinity])
      await expect(
        evaluateBenchmark({
          benchmark: findBenchmark('val'),
          classifier: broken(value),
          parts: [datasetPart(pictureDataset(4, 2), 'all')],
          origin: 'any',
          folder: await temporaryFolder(),
          batchSize: 4,
        }),
      ).rejects.toMatchObject({
        code: 'checkpoint/non-finite',
        message: `linear gave ${value} as logit 1 of image 1 of a batch of 4.`,
      });
  });

  it('P: clips of the CIFAR table; flip probability in [0, 100]; wrong class counts are refused', async () => {
    const classifier = new LinearClassifier(10);
    const dataset = pictureDataset(3, 10);
    const generated = generateP(dataset, classifier, {
      seed: 0,
      names: ['gaussian_noise', 'translate', 'rotate'],
    });
    expect(generated.parts.map(({ name, frames }) => [name, frames])).toEqual([
      ['gaussian_noise', 31],
      ['translate', 16],
      ['rotate', 31],
    ]);
    const result = await evaluateBenchmark({
      benchmark: findBenchmark('p'),
      classifier,
      ...generated,
      batchSize: 10,
      folder: await temporaryFolder(),
    });
    for (const part of result.parts) {
      const flips = part.metrics.find(({ id }) => id === 'flip-probability')!;
      expect(flips.value).toBeGreaterThanOrEqual(flips.low!);
      expect(flips.value).toBeLessThanOrEqual(100);
    }
    expect(result.parts.some(({ metrics }) => metrics[1]!.value > 0)).toBe(true);
    expect(() => generateP(dataset, new LinearClassifier(7), { seed: 0 })).toThrow(
      /has 7 classes, but pictures has 10/,
    );
  });
});

describe('clips of the release', () => {
  it.skipIf(!hasFfmpeg)('are decoded by ffmpeg (on the PATH), frame counts asserted', async () => {
    const root = await temporaryFolder();
    const folder = join(root, 'imagenet-p', 'weather', 'brightness', imagenetClasses()[0]!.id);
    await mkdir(folder, { recursive: true });
    const frames = Array.from({ length: 31 }, (_, i) => picture(i % 3, 224, 224).data);
    const path = join(folder, 'ILSVRC2012_val_00000293.mp4');
    const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '224x224', '-r', '1', '-i', 'pipe:0'];
    const encoder = ['-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '0', '-pix_fmt', 'yuv444p'];
    execFileSync('ffmpeg', ['-v', 'error', '-y', ...input, ...encoder, path], {
      input: Buffer.concat(frames),
    });
    const clip = await readClip(path, 31);
    const error = clip.map(({ data }, i) =>
      Math.max(...data.subarray(0, 999).map((v, j) => Math.abs(v - frames[i]![j]!))),
    );
    expect(Math.max(...error)).toBeLessThan(6); // colour conversion alone
    await expect(readClip(path, 41)).rejects.toThrow(/41 frames of 224×224 are due, 31 were decoded/);
    await writeFile(join(folder, 'ILSVRC2012_val_00000294.mp4'), 'not a video');
    const result = await evaluateRelease('p', root, new LinearClassifier('imagenet1k'), { batchSize: 31 });
    const part = result.parts.find(({ name }) => name === 'brightness')!;
    expect(part.items).toBe(1);
    expect(part.metrics[0]!.value).toBeCloseTo(100, 10); // three pictures in turn: every pair differs
    expect(part.failures[0]!.message).toMatch(/ffmpeg ended with/);
  });

  it('say that ffmpeg is missing', async () => {
    const before = process.env.PATH;
    process.env.PATH = '/nowhere';
    try {
      await expect(readClip('a.mp4', 31)).rejects.toMatchObject({
        code: 'video/no-ffmpeg',
        hint: expect.stringContaining('install ffmpeg') as string,
      });
    } finally {
      process.env.PATH = before;
    }
  });
});

it('a folder of another evaluation says in words how it differs', async () => {
  const folder = await temporaryFolder();
  const before = { modelFingerprint: 'a', fileListSha256: '1', classListSha256: 'c', imageSize: 224 };
  await EvaluationStore.open(folder, before);
  const now = { ...before, modelFingerprint: 'b', fileListSha256: '2', imageSize: 64 };
  await expect(EvaluationStore.open(folder, now)).rejects.toThrow(
    /holds another evaluation: the weights are others; it is of other images, by their names, labels, number or bytes; image size was 224, now 64$/,
  );
});
