import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../../../src/data/image/encode.ts';
import {
  chooseBenchmarks,
  runSuite,
  type SuiteOptions,
} from '../../../../src/robustness/benchmarks/evaluation/suite.ts';
import { auroc } from '../../../../src/robustness/metrics/detection.ts';
import { outOfDistribution } from '../../../../src/robustness/scoring/out-of-distribution.ts';
import { addTallies, type Tally } from '../../../../src/robustness/scoring/tally.ts';
import { LinearClassifier, picture, temporaryFolder } from '../world.ts';

/** Made by test/golden/robustness/detection.py. */
const golden = JSON.parse(
  await readFile(new URL('../../../golden/robustness/detection.json', import.meta.url), 'utf8'),
) as { known: number[][]; unknown: number[][]; expected: Record<string, Record<string, number>> };

function tallyFrom(rows: readonly number[][]): Tally {
  const scorer = outOfDistribution.scorer({ part: 'in', classes: 5, step: 1 });
  const tally = scorer.begin(1);
  for (const row of rows) scorer.score(tally, [Float32Array.from(row)], 0);
  return scorer.finish(tally);
}

const options = { normalised: true, origin: 'any', clean: { unknown: '' } } as const;

describe('detection of unknown images', () => {
  it('gives NumPy’s numbers by definition, in units as at once', () => {
    const [a, b] = [golden.known.slice(0, 5), golden.known.slice(5)].map(tallyFrom) as [Tally, Tally];
    const parts = [
      { name: 'in', tally: addTallies([a, b]) },
      { name: 'far', tally: tallyFrom(golden.unknown) },
    ];
    const { metrics, absent } = outOfDistribution.summarise(parts, options);
    expect(absent).toEqual([]);
    expect(metrics).toHaveLength(15);
    for (const [score, expected] of Object.entries(golden.expected))
      for (const [measure, value] of Object.entries(expected)) {
        const id = `far-${measure === 'halfInterval' ? 'auroc' : measure}`;
        const metric = metrics.find((m) => m.id === id && m.protocol.startsWith(score))!;
        const found = measure === 'halfInterval' ? metric.value - metric.low! : metric.value;
        // Logits of one decimal are rounded to single precision on the way.
        expect(found, `${score} ${id}`).toBeCloseTo(100 * value, 4);
      }
    const alone = outOfDistribution.summarise([parts[0]!, { name: 'near', tally: tallyFrom([]) }], options);
    expect(alone.absent.map(({ why }) => why)).toEqual(new Array(15).fill('no near image was scored'));
  });

  it('takes any folders, flat or deep, and says so in the protocol', async () => {
    const root = await temporaryFolder();
    const write = async (path: string, number: number): Promise<void> => {
      await mkdir(join(root, path, '..'), { recursive: true });
      await writeFile(join(root, path), await encodePng(picture(number)));
    };
    for (const n of [1, 2, 3]) await write(`known/class ${n % 2}/${n}.png`, n);
    for (const n of [4, 5]) await write(`textures/deep/er/${n}.png`, n);
    await write('flat/6.png', 6);
    const suite: SuiteOptions = {
      benchmarks: chooseBenchmarks('ood'),
      classifier: new LinearClassifier(7),
      dataRoot: undefined,
      own: undefined,
      generate: false,
      seed: 0,
      names: undefined,
      severities: undefined,
      difficulty: 1,
      jpeg85: undefined,
      selection: {},
      batchSize: 2,
      crew: undefined,
      folder: join(root, 'out'),
      detection: { known: join(root, 'known'), near: join(root, 'textures'), far: join(root, 'flat') },
    };
    const [outcome] = await runSuite(suite);
    if (outcome?.kind !== 'measured') throw new Error(JSON.stringify(outcome));
    const { result, path } = outcome;
    expect(result).toMatchObject({ complete: true, items: { asked: 6, scored: 6 } });
    expect(result.protocol.dataOrigin).toBe('known known, near textures, far flat');
    expect(result.metrics).toHaveLength(30);
    const bytes = await readFile(path, 'utf8');
    const again = new LinearClassifier(7);
    await runSuite({ ...suite, classifier: again });
    expect([again.calls, await readFile(path, 'utf8')]).toEqual([0, bytes]);
    const nothing = await runSuite({ ...suite, detection: undefined, folder: join(root, 'none') });
    expect(nothing).toMatchObject([
      { kind: 'not applicable', reason: expect.stringMatching(/--near <folder>/) as string },
    ]);
    const wrong = { known: undefined, near: join(root, 'flat'), far: undefined };
    expect(await runSuite({ ...suite, detection: wrong, folder: join(root, 'none') })).toMatchObject([
      { kind: 'left out', reason: expect.stringMatching(/no known images/) as string },
    ]);
    expect(auroc([1], [1])).toBe(0.5);
  });
});
