import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imagenetClasses, imagenetValLabels } from '../../../../src/data/classes.ts';
import { encodePng } from '../../../../src/data/image/encode.ts';
import { evalTransform, toTensor } from '../../../../src/data/transform.ts';
import { chooseBenchmarks } from '../../../../src/robustness/benchmarks/evaluation/suite.ts';
import { findMetric } from '../../../../src/robustness/benchmarks/evaluation/result.ts';
import { locate } from '../../../../src/robustness/benchmarks/images/locate.ts';
import { findBenchmark } from '../../../../src/robustness/benchmarks/records.ts';
import { argmax } from '../../../../src/robustness/metrics/accuracy.ts';
import { LinearClassifier, evaluateRelease, picture, temporaryFolder, writePictures } from '../world.ts';

/** The class that the model gives picture `number` of `writePictures`. */
async function prediction(classifier: LinearClassifier, number: number): Promise<number> {
  const { evalConfig, mean, std, imageSize } = classifier.preprocessing;
  const x = new Float32Array(3 * imageSize ** 2);
  toTensor(evalTransform(evalConfig)(picture(number)), mean, std, x);
  return argmax(await classifier.logits(x, 1));
}

describe('ImageNet-V2', () => {
  it('is three benchmarks; folders are class indices, whatever the order of their names', async () => {
    expect(chooseBenchmarks('v2').map(({ id }) => id)).toEqual([
      'v2-matched-frequency',
      'v2-threshold-0.7',
      'v2-top-images',
    ]);
    const root = await temporaryFolder();
    const classifier = new LinearClassifier('imagenet1k');
    const [first, second] = [await prediction(classifier, 1), await prediction(classifier, 2)];
    // Picture 1 in the folder of its predicted class, picture 2 in another one.
    const wrong = (second + 10) % 1000;
    await writePictures(join(root, 'imagenetv2-threshold0.7-format-val'), { [first]: 1, [wrong]: 1 });
    const result = await evaluateRelease('v2-threshold-0.7', root, classifier);
    expect(findMetric(result, 'top1', 'full1000')!.value).toBe(50);
    expect(result.perClass.full1000).toEqual({ [first]: [1, 1], [wrong]: [0, 1] });
    expect(result.problems.map(({ kind }) => kind)).toEqual(['missing class', 'count']);
    expect((await locate(findBenchmark('v2-top-images'), root)).message).toMatch(
      /imagenetv2-top-images\.tar\.gz/,
    );
  });
});

describe('ImageNet-ReaL', () => {
  /** Validation images 1 … n under their own classes. */
  async function validation(root: string, n: number): Promise<void> {
    for (let number = 1; number <= n; number++) {
      const folder = join(root, 'val', imagenetClasses()[imagenetValLabels()[number - 1]!]!.id);
      await mkdir(folder, { recursive: true });
      const name = `ILSVRC2012_val_${String(number).padStart(8, '0')}.JPEG`;
      await writeFile(join(folder, name), await encodePng(picture(number)));
    }
  }

  it('any of the labels is right; images without one are left out and counted', async () => {
    const root = await temporaryFolder();
    const classifier = new LinearClassifier('imagenet1k');
    await validation(root, 5);
    const missing = await locate(findBenchmark('real'), root);
    expect(missing).toMatchObject({
      status: 'missing',
      message: expect.stringMatching(/real\.json/) as string,
    });
    const predicted = await Promise.all([1, 2, 3, 4, 5].map((number) => prediction(classifier, number)));
    const other = (label: number): number => (label + 1) % 1000;
    // 1: the only label; 2: one of two; 3: neither; 4: none at all; 5: another than the predicted.
    const lists = [
      [predicted[0]!],
      [other(predicted[1]!), predicted[1]!],
      [other(predicted[2]!), other(other(predicted[2]!))],
      [],
      [other(predicted[4]!)],
    ];
    await writeFile(join(root, 'real.json'), JSON.stringify(lists));
    const result = await evaluateRelease('real', root, classifier);
    expect(result.items).toEqual({ asked: 4, scored: 4, unreadable: 0, unlabelled: 1 });
    expect(result.metrics).toMatchObject([
      { id: 'top1', protocol: 'full1000, any of the reassessed labels', value: 50 },
    ]);
    expect(result.problems.map(({ what }) => what).join('\n')).toMatch(
      /5 images, the release has 50000.*\n.*real\.json has labels of 5 images, the release has 50000/,
    );
    // Other labels are another protocol, though the files are the same.
    await writeFile(join(root, 'real.json'), JSON.stringify([...lists.slice(0, 2), [predicted[2]], [], [1]]));
    const again = await evaluateRelease('real', root, classifier);
    expect(again.protocol.fileListSha256).not.toBe(result.protocol.fileListSha256);
    await writeFile(join(root, 'real.json'), '[[1],[1000]]');
    await expect(evaluateRelease('real', root, classifier)).rejects.toMatchObject({
      code: 'evaluate/nothing',
      hint: expect.stringMatching(/entry 1 is no list of class indices from 0 to 999/) as string,
    });
  });
});
