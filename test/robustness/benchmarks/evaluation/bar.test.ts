import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BAR_CORRUPTIONS } from '../../../../src/robustness/corruptions/bar.ts';
import { evaluateBenchmark } from '../../../../src/robustness/benchmarks/evaluation/evaluate.ts';
import { findMetric } from '../../../../src/robustness/benchmarks/evaluation/result.ts';
import { generateC } from '../../../../src/robustness/benchmarks/images/generated.ts';
import { findBenchmark } from '../../../../src/robustness/benchmarks/records.ts';
import { corruptionMeans } from '../../../../src/robustness/scoring/corruption-means.ts';
import { tallyOf } from '../../../../src/robustness/scoring/tally.ts';
import {
  LinearClassifier,
  evaluateRelease,
  pictureDataset,
  temporaryFolder,
  writePictures,
} from '../world.ts';

describe('ImageNet-C-bar', () => {
  it('averages plain errors over ten corruptions and five severities', () => {
    const names = BAR_CORRUPTIONS.map(({ name }) => name);
    const parts = names.flatMap((name, i) =>
      [1, 2, 3, 4, 5].map((severity) => {
        const tally = tallyOf(1, ['full1']);
        tally.items = 100;
        tally.counts.full1!.top1 = 90 - 5 * severity - i;
        return { name: `${name}/${severity}`, tally };
      }),
    );
    const options = { normalised: true, origin: 'release', clean: { unknown: '' } } as const;
    const { metrics, rows, absent } = corruptionMeans(names, 'bar').summarise(parts, options);
    // Mean of 10 + 5·severity + i over severities 1 … 5 and i = 0 … 9.
    expect(metrics[0]).toMatchObject({
      id: 'mean-error',
      protocol: '10 corruptions, un-normalised, release',
    });
    expect(metrics[0]!.value).toBeCloseTo(10 + 15 + 4.5, 9);
    expect(rows!.map(({ metrics: [m] }) => Math.round(m!.value))).toEqual([
      25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
    ]);
    expect(absent).toEqual([]);
    const cut = corruptionMeans(names, 'bar').summarise(parts.slice(1), options);
    expect(cut.rows).toHaveLength(9);
    expect(cut.absent[0]!.why).toMatch(/50 parts, and 1 of them were not measured: blue_noise_sample\/1$/);
  });

  it('the release is checked as C is; generated images name their seed and severity 0 is clean', async () => {
    const root = await temporaryFolder();
    await writePictures(
      join(root, 'imagenet-c-bar', 'sparkles', '2'),
      { n01440764: 2 },
      { width: 32, height: 32 },
    );
    const classifier = new LinearClassifier('imagenet1k');
    const release = await evaluateRelease('c-bar', root, classifier, { stored: 32 });
    expect(release).toMatchObject({ name: 'ImageNet-C-bar', complete: false, items: { scored: 2 } });
    expect(release.problems.filter(({ kind }) => kind === 'missing part')).toHaveLength(49);

    const own = new LinearClassifier(3);
    const dataset = pictureDataset(6, 3);
    const names = ['sparkles', 'plasma_noise'];
    const generated = generateC(dataset, own, { set: 'C-bar', seed: 5, names, severities: [1] });
    expect(generated.origin).toBe(
      'generated (seed 5, generator 1, ImageNet-C-bar parameters, 32 px, no final JPEG)',
    );
    const result = await evaluateBenchmark({
      benchmark: findBenchmark('c-bar'),
      classifier: own,
      ...generated,
      isRelease: false,
      folder: join(root, 'out'),
      batchSize: 4,
    });
    expect(result.parts.map(({ name }) => name)).toEqual(['clean/0', 'sparkles/1', 'plasma_noise/1']);
    expect(findMetric(result, 'clean')!.value).toBeGreaterThanOrEqual(0);
    expect(result.protocol.normaliser).toMatch(/none: errors of ImageNet-C-bar are not normalised/);
  });
});
