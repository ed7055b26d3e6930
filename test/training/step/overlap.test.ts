import { join } from 'node:path';
import { expect, it, describe } from 'vitest';
import { loadRecipe } from '../../../src/recipe/load.ts';
import { targetOf } from '../../../src/training/planning/fit.ts';
import { tunedPlan } from '../../../src/training/planning/tuned-plan.ts';
import { bucketsOf, stretchesOf } from '../../../src/training/step/buckets.ts';
import { TrainingSession } from '../../../src/training/step/session.ts';
import type { TrainingPlan } from '../../../src/training/step/training-plan.ts';
import { trainedModel } from '../../../src/training/weights/recipe-model.ts';
import { inProcess } from '../../mpi/in-process.ts';
import { SHARDED } from '../../mpi/sharded.ts';
import { adapters, deviceFor } from '../../ops/harness.ts';
import { scratchFolder, tinyRecipe } from '../tiny.ts';

/** Two steps of made-up images. @returns the parameters */
async function twoSteps(session: TrainingSession, plan: TrainingPlan, rank: number): Promise<string> {
  for (const step of [1, 2]) {
    await session.ready();
    for (let i = 0; i < session.microBatches; i++) {
      const first = step * plan.batch + (rank * session.microBatches + i) * plan.micro;
      const x = Float32Array.from({ length: plan.micro * session.imageElems }, (_, j) =>
        Math.sin(j + 100 * first),
      );
      const { classes } = plan.model.config;
      const targets = Float32Array.from({ length: plan.micro * classes }, (_, j) =>
        j % classes === first % classes ? 1 : 0,
      );
      const isLast = i === session.microBatches - 1;
      const result = await session.submit(
        x,
        targets,
        first,
        isLast ? { step, lr: 0.01, weightDecay: 0.05 } : undefined,
      );
      if (isLast) expect(result!.exposedMs).toBeGreaterThanOrEqual(0);
    }
  }
  const all = await session.parameters.readAll();
  return Buffer.concat([...all.values()].map((data) => Buffer.from(data.buffer.slice(0)))).toString('base64');
}

describe.each(adapters)('on %s', (adapter) => {
  it('a gradient in one bucket and in many gives the same weights, on every rank', async () => {
    const { device, pipelines } = await deviceFor(adapter);
    const { recipe } = await loadRecipe(tinyRecipe(join(scratchFolder())), [...SHARDED.LayerNorm]);
    const model = trainedModel(recipe, 10);
    const request = { recipe, model, target: targetOf(device, undefined), device, micro: undefined };
    const plan = await tunedPlan(request, 'off', () => undefined);
    const stretches = (elems: number) =>
      stretchesOf(plan.step.plan, plan.layout, bucketsOf(plan.layout, elems)).length;
    expect(stretches(128)).toBeGreaterThan(stretches(2 ** 20) + 3);
    const weights: string[] = [];
    for (const elems of [2 ** 20, 128])
      weights.push(
        ...(await Promise.all(
          (await inProcess(2)).map(async (ranks) => {
            const session = await TrainingSession.create(device, pipelines, plan, undefined, ranks, elems);
            await session.initialise(3);
            return twoSteps(session, plan, ranks.rank);
          }),
        )),
      );
    expect(weights).toEqual(new Array(4).fill(weights[0]));
  });
});
