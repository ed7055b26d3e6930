import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DatasetSpec } from '../../../../src/data/dataset.ts';
import { openDataset } from '../../../../src/data/datasets.ts';
import { startCrew } from '../../../../src/robustness/benchmarks/crew/crew.ts';
import { evaluateBenchmark } from '../../../../src/robustness/benchmarks/evaluation/evaluate.ts';
import { generateC, generateP } from '../../../../src/robustness/benchmarks/images/generated.ts';
import { findBenchmark } from '../../../../src/robustness/benchmarks/records.ts';
import { chooseBenchmarks, runSuite } from '../../../../src/robustness/benchmarks/evaluation/suite.ts';
import { LinearClassifier, temporaryFolder, writePictures } from '../world.ts';

const NAMES = ['gaussian_noise', 'fog', 'glass_blur', 'translate'];

describe('worker threads', () => {
  it('give what this process gives, with any number of them, also where an image cannot be read', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'val'), { cat: 4, dog: 3 });
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(root, 'val', 'cat', 'broken.jpg'), 'no image');
    const spec: DatasetSpec = { kind: 'folder', root, split: 'val' };
    const dataset = await openDataset(spec);
    const evaluate = async (workers: number) => {
      const classifier = new LinearClassifier(2);
      const crew = workers === 0 ? undefined : startCrew(workers);
      try {
        const results = [];
        for (const [id, make] of [
          ['c', generateC],
          ['p', generateP],
        ] as const) {
          const options = { seed: 5, names: NAMES.filter((name) => (name === 'translate') === (id === 'p')) };
          const { parts, origin } = make(dataset, classifier, { ...options, spec });
          results.push(
            await evaluateBenchmark({
              benchmark: findBenchmark(id), classifier, parts, origin, batchSize: 3, crew, normalised: { not: "small" },
              folder: join(await temporaryFolder(), id),
            }), // prettier-ignore
          );
        }
        return results;
      } finally {
        await crew?.close();
      }
    };
    const here = await evaluate(0);
    expect(here.map(({ items }) => items.unreadable)).toEqual([1 + 3 * 5, 1]);
    expect(await evaluate(1)).toEqual(here);
    expect(await evaluate(3)).toEqual(here);
  });
});

describe('a suite', () => {
  it('evaluates generated C and P beside the clean images, and says what does not apply', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'val'), { cat: 3, dog: 3 });
    const outcomes = await runSuite({
      benchmarks: chooseBenchmarks('p,a,c,val'),
      classifier: new LinearClassifier(2),
      dataRoot: undefined,
      own: { spec: { kind: 'folder', root, split: 'val' }, title: 'Pets' },
      generate: true,
      seed: 0,
      names: ['contrast', 'rotate'],
      severities: [2],
      difficulty: 1,
      jpeg85: undefined,
      selection: {},
      batchSize: 4,
      crew: undefined,
      folder: await temporaryFolder(),
    });
    const words = outcomes.map((outcome) =>
      outcome.kind === 'measured'
        ? `${outcome.result.name} ${outcome.result.parts.map(({ name }) => name).join(' ')}`
        : `${outcome.kind}: ${outcome.reason}`,
    );
    expect(words).toEqual([
      'Pets all',
      'not applicable: ImageNet-A needs a model of the 1000 ImageNet classes; linear has 2 classes',
      'Pets-C clean/0 contrast/2',
      'Pets-P rotate',
    ]);
  });
});
