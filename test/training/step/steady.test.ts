import { expect, it } from 'vitest';
import { openDevice } from '../../../src/device/open.ts';
import { loadRecipe } from '../../../src/recipe/load.ts';
import { PipelineCache } from '../../../src/shader/pipelines.ts';
import { fitPlan, targetOf } from '../../../src/training/planning/fit.ts';
import { modelOfRecipe } from '../../../src/training/weights/recipe-model.ts';
import { TrainingSession } from '../../../src/training/step/session.ts';
import type { StepResult } from '../../../src/training/step/step-result.ts';
import { adapters } from '../../ops/harness.ts';
import { scratchFolder, tinyRecipe } from '../tiny.ts';

it.each(adapters)(
  'a step on %s makes nothing, waits for nothing, and submits each micro-batch in pieces of 64 dispatches',
  { timeout: 300_000 },
  async (adapter) => {
    const device = await openDevice(adapter);
    const { recipe } = await loadRecipe(tinyRecipe(scratchFolder()), []);
    const plan = fitPlan(recipe, modelOfRecipe(recipe, 10), targetOf(device));
    const session = await TrainingSession.create(device, new PipelineCache(device), plan);
    let turns = 0;
    const turn = () => {
      turns++;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    await session.initialise(1);
    clearImmediate(next);
    // Signals are heard while many weights are drawn.
    expect(turns).toBeGreaterThanOrEqual(session.model.parameters.length);
    const calls: string[] = [];
    /** Notes every call of what a device makes or waits with. */
    const watch = <T extends object>(object: T, names: readonly (keyof T & string)[]) => {
      for (const name of names) {
        const method = (object[name] as (...args: unknown[]) => unknown).bind(object);
        Object.defineProperty(object, name, {
          value: (...args: unknown[]) => {
            calls.push(name);
            return method(...args);
          },
        });
      }
    };
    watch(device.gpu, [
      'createBuffer',
      'createBindGroup',
      'createBindGroupLayout',
      'createShaderModule',
      'createComputePipeline',
      'createComputePipelineAsync',
    ]);
    const { queue } = device.gpu;
    watch(queue, ['submit', 'onSubmittedWorkDone']);
    expect(device.gpu.queue).toBe(queue);
    const x = new Float32Array(plan.micro * session.imageElems).fill(0.5);
    const targets = new Float32Array(plan.micro * 10).fill(0.1);
    const results: Promise<StepResult>[] = [];
    for (let step = 1; step <= 3; step++) {
      for (let at = 0; at < plan.batch; at += plan.micro) {
        const update = at + plan.micro === plan.batch ? { step, lr: 1e-3, weightDecay: 0 } : undefined;
        const result = session.submit(x, targets, at, update);
        if (result) results.push(result);
      }
    }
    // The last submission of a micro-batch copies its losses.
    const pieces = Math.ceil(session.step.dispatches / 64) + 1;
    expect(pieces).toBeGreaterThan(2);
    expect(calls).toEqual(new Array(3 * (plan.batch / plan.micro) * pieces).fill('submit'));
    expect(await Promise.all(results)).toHaveLength(3);
    expect(calls).not.toContain('onSubmittedWorkDone');
    device.close();
  },
);
