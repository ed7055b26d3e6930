import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Ranks } from '../../src/mpi/ranks.ts';
import { findAnalysis } from '../../src/robustness/analyses/registry.ts';
import { settingsOf } from '../../src/robustness/analyses/presets.ts';
import { findAttack } from '../../src/robustness/attacks/registry.ts';
import { runAttack } from '../../src/robustness/attacks/run-attack.ts';
import { evaluateBenchmark } from '../../src/robustness/benchmarks/evaluation/evaluate.ts';
import type { Progress } from '../../src/robustness/benchmarks/evaluation/options.ts';
import { datasetPart } from '../../src/robustness/benchmarks/images/parts.ts';
import { findBenchmark } from '../../src/robustness/benchmarks/records.ts';
import { adapters } from '../ops/harness.ts';
import { tinyContext, tinyModel } from '../robustness/analyses/world.ts';
import { LinearClassifier, pictureDataset } from '../robustness/benchmarks/world.ts';
import { inProcess } from './in-process.ts';

const scratch = () => mkdtempSync(join(tmpdir(), 'largekernel-shared-'));

/** The files of an evaluation with their bytes, without who made them when. */
function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'sessions.json')
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Object.fromEntries(
    names.map((name) => [name.slice(folder.length), readFileSync(name).toString('base64')]),
  );
}

/** The same by each rank, at once. */
async function together<T>(size: number, work: (ranks: Ranks) => Promise<T>): Promise<T[]> {
  return Promise.all((await inProcess(size)).map(work));
}

describe('a benchmark', () => {
  const options = {
    benchmark: findBenchmark('val'),
    origin: 'release',
    batchSize: 3,
    imagesPerUnit: 5,
    parts: [datasetPart(pictureDataset(38, 5), 'all')],
    maker: { version: '1', adapter: 'none' },
  };
  const alone = scratch();
  const done = evaluateBenchmark({ ...options, classifier: new LinearClassifier(5), folder: alone });

  it.each([2, 4])('has the bytes of one process, by %i ranks', async (size) => {
    await done;
    const folder = scratch();
    const seen: Progress[] = [];
    const classifiers = Array.from({ length: size }, () => new LinearClassifier(5));
    const results = await together(size, (ranks) =>
      evaluateBenchmark({
        ...options,
        ...{ ranks, folder, classifier: classifiers[ranks.rank]! },
        ...(ranks.isFirst && { onProgress: (progress) => seen.push(progress) }),
      }),
    );
    expect(filesOf(folder)).toEqual(filesOf(alone));
    expect(results).toEqual(new Array(size).fill(await done));
    // 8 units of at most two batches.
    for (const { calls } of classifiers) expect(calls).toBeLessThanOrEqual((2 * 8) / size);
    expect(seen.at(-1)).toMatchObject({ imagesDone: 38, imagesResumed: 0, imagesTotal: 38 });
  });

  it('that a rank fails in ends with its error everywhere, and is gone on with by others', async () => {
    await done;
    const folder = scratch();
    const attempts = await together(2, async (ranks) => {
      const classifier = new LinearClassifier(5);
      if (ranks.rank === 1) classifier.failAfter = 3;
      return evaluateBenchmark({ ...options, ranks, folder, classifier }).then(
        () => 'no error',
        (error: unknown) => String(error),
      );
    });
    for (const error of attempts) expect(error).toContain('killed');
    expect(readdirSync(join(folder, 'units'))).toHaveLength(2);
    expect(readdirSync(folder)).not.toContain('claim.json');
    await together(4, (ranks) =>
      evaluateBenchmark({ ...options, ranks, folder, classifier: new LinearClassifier(5) }),
    );
    expect(filesOf(folder)).toEqual(filesOf(alone));
  });

  it('of other images or weights on a rank is refused by all', async () => {
    const folder = scratch();
    const attempts = await together(2, (ranks) => {
      const classifier = Object.assign(new LinearClassifier(5), { fingerprint: `weights ${ranks.rank}` });
      return evaluateBenchmark({ ...options, ranks, folder, classifier }).catch((error: unknown) => error);
    });
    for (const error of attempts)
      expect(error).toMatchObject({
        code: 'mpi/unlike',
        message: 'Rank 1 evaluates something else: the weights are others.',
      });
  });
});

describe.skipIf(adapters.length === 0)('on a device, by two ranks', () => {
  const context = tinyContext(adapters[0]!, tinyModel(), 8);

  it('an attack has the bytes of one process, and keeps the same images', async () => {
    const contextIn = await context;
    const attack = findAttack('fgsm');
    const request = {
      attack,
      settings: {},
      epsilons: [0.1],
      seed: 0,
      space: 'pixel',
      aim: 'any',
      eightBit: false,
    } as const;
    const run = (folder: string, ranks?: Ranks) =>
      runAttack({ ...contextIn(folder), ranks }, { ...request, save: join(folder, 'images') });
    const [one, two] = [scratch(), scratch()];
    await run(one);
    await together(2, (ranks) => run(two, ranks));
    expect(filesOf(two)).toEqual(filesOf(one));
    expect(Object.keys(filesOf(two)).filter((name) => name.endsWith('.npy'))).toHaveLength(8);
  });

  it('an analysis of groups of images has the bytes of one process', async () => {
    const contextIn = await context;
    const analysis = findAnalysis('erf');
    const settings = settingsOf(analysis, 'default', { images: 8, size: 32, thresholds: [0.5] });
    const [one, two] = [scratch(), scratch()];
    await analysis.run(contextIn(one), settings);
    await together(2, (ranks) => analysis.run({ ...contextIn(two), ranks }, settings));
    expect(filesOf(two)).toEqual(filesOf(one));
    expect(readdirSync(join(two, 'units')).length).toBeGreaterThan(1);
  });
});
