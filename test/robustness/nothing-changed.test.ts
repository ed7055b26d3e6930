import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InferenceSession } from '../../src/models/inference.ts';
import type { AnalysisContext } from '../../src/robustness/analyses/analysis.ts';
import { settingsOf } from '../../src/robustness/analyses/presets.ts';
import { ANALYSES, findAnalysis } from '../../src/robustness/analyses/registry.ts';
import { ATTACKS } from '../../src/robustness/attacks/registry.ts';
import { runAttack } from '../../src/robustness/attacks/run-attack.ts';
import { evaluateBenchmark } from '../../src/robustness/benchmarks/evaluation/evaluate.ts';
import { findMetric, type BenchmarkResult } from '../../src/robustness/benchmarks/evaluation/result.ts';
import { prepareOwn } from '../../src/robustness/benchmarks/images/find-images.ts';
import { findBenchmark } from '../../src/robustness/benchmarks/records.ts';
import { sessionClassifier } from '../../src/robustness/classifier/session-classifier.ts';
import type { Outcomes, Tally } from '../../src/robustness/scoring/tally.ts';
import { adapters } from '../ops/harness.ts';
import { tinyContext } from './analyses/world.ts';

const IMAGES = 12;
const PATCHES = 64;
/** Every analysis that counts right predictions, told to change nothing: its settings, and the points that must equal the clean images. */
const NOTHING: Readonly<Record<string, readonly (readonly [Record<string, unknown>, readonly string[]])[]>> =
  {
    occlusion: [
      [{ shares: [0], repetitions: 1, fill: 'noise' }, ['random/0/0']],
      [{ shares: [0], repetitions: 2, saliency: 'given' }, ['random/0/1', 'salient/0/0', 'background/0/0']],
    ],
    lesion: [[{ most: 1, samples: 1 }, []]],
    frequency: [
      [{ amplitude: 0, centres: [0.5] }, ['noise/0.5/0']],
      [{ amplitude: 0, centres: [1], epsSpace: 'pixel', clamp: true, energy: 'rms' }, ['noise/1/0']],
    ],
  };
/** These count none. */
const OTHERS = ['kernel-distance', 'attention-distance', 'variance', 'erf', 'shape-bias'];

/** Predictions and losses, image by image, of one part of a result. */
function outcomesOf({ parts }: BenchmarkResult, folder: string, name: string): Outcomes | undefined {
  const unit = parts.findIndex((part) => part.name === name);
  const file = join(folder, 'units', `${String(unit).padStart(5, '0')}.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as Tally).outcomes;
}

async function plainTop1(context: AnalysisContext): Promise<number> {
  const { device, weights } = await context.onDevice();
  const session = await InferenceSession.create(device, weights, { batch: 4, channels: 3, imageSize: 32 });
  const plain = await evaluateBenchmark({
    ...(await prepareOwn(context.images(), findBenchmark('val'), {})),
    classifier: await sessionClassifier(session, context.about),
    folder: context.folder,
    batchSize: 4,
  });
  session.destroy();
  return findMetric(plain, 'top1')!.value;
}

describe.each(adapters)('where nothing is changed, on %s', (kind) => {
  const shared = tinyContext(kind, undefined, IMAGES);

  it('every attack and every analysis equals the clean evaluation bit for bit, image by image', async () => {
    expect([...Object.keys(NOTHING), ...OTHERS].sort()).toEqual(ANALYSES.map(({ id }) => id).sort());
    const top1 = await plainTop1((await shared)());
    const found = new Map<string, Outcomes | undefined>();
    for (const attack of ATTACKS) {
      const context = (await shared)();
      const settings = Object.fromEntries(
        Object.entries(attack.settings).map(([key, { default: usual }]) => [key, usual]),
      );
      const result = await runAttack(context, {
        ...{ attack, settings, epsilons: [0], seed: 0, space: 'pixel', aim: 'any', save: undefined },
        eightBit: attack.eightBit === true,
      });
      expect([attack.id, result.metrics[0]!.value]).toEqual([attack.id, top1]);
      // ε = 0 alone is a point too, with its counts.
      const points = result.curves!.flatMap((curve) => curve.points);
      expect([attack.id, points.map(({ x, y, total }) => [x, y, total])]).toEqual([
        attack.id,
        [[0, top1, IMAGES]],
      ]);
      found.set(attack.id, outcomesOf(result, context.folder, 'clean/0/0'));
    }
    for (const [id, cases] of Object.entries(NOTHING))
      for (const [i, [given, points]] of cases.entries()) {
        const context = (await shared)();
        const saliency = join(context.data!, 'given.f32');
        writeFileSync(
          saliency,
          Float32Array.from({ length: IMAGES * PATCHES }, (_, k) => 1 + (k % PATCHES)),
        );
        const analysis = findAnalysis(id);
        const own = 'saliency' in given ? { ...given, saliency } : given;
        const result = await analysis.run(context, settingsOf(analysis, 'default', own));
        expect([id, findMetric(result, 'top1')!.value]).toEqual([id, top1]);
        for (const name of ['clean/0/0', ...points])
          found.set(`${id} ${i} ${name}`, outcomesOf(result, context.folder, name));
      }
    const [first] = found.values();
    expect(first!.loss).toHaveLength(IMAGES);
    for (const [name, outcomes] of found) expect([name, outcomes]).toEqual([name, first]);
  });
});
