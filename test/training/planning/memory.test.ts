import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, profileOf } from '../../../src/device/profile.ts';
import { loadRecipe } from '../../../src/recipe/load.ts';
import { fitPlan } from '../../../src/training/planning/fit.ts';
import { modelOfRecipe } from '../../../src/training/weights/recipe-model.ts';
import type { TrainingPlan } from '../../../src/training/step/training-plan.ts';

const large = { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 30 };

async function planOf(name: string, settings: readonly string[]): Promise<TrainingPlan> {
  const { recipe } = await loadRecipe(name, settings);
  return fitPlan(recipe, modelOfRecipe(recipe, 1000), {
    profile: profileOf('gpu', { ...DEFAULT_LIMITS, ...large }, ['subgroups', 'shader-f16']),
    budget: 2 ** 33,
    preferred: 32,
  });
}

describe('planned memory', () => {
  it.each(['none', 'cheap', 'blocks'])(
    'of ConvNeXt-T at 32 images is near the lower bound, recompute: %s',
    async (way) => {
      const { memory } = await planOf('convnext-t-k31', [
        'batch.size=32',
        'batch.micro=32',
        `recompute=${way}`,
      ]);
      expect(memory.activations / memory.activationsLowerBound).toBeLessThan(1.06);
      expect(memory.evaluation).toBe(0);
    },
  );
});

it.each([
  ['convnext-t-k31', 'f32'],
  ['convnext-t-k31', 'f16'],
  ['convnext-t-slak-k51', 'f32'],
  ['replknet-31b', 'f32'],
])('a step of %s in %s binds no more buffers at once than every adapter allows', async (name, precision) => {
  const settings = ['batch.size=8', 'batch.micro=8', 'augment.mixGroup=8', `precision=${precision}`];
  const { step, update, evaluation } = await planOf(name, settings);
  for (const { plan } of [step, update, evaluation])
    for (const { node, dispatches } of plan.steps)
      for (const { dispatch } of dispatches)
        expect(
          Object.keys(dispatch.bindings).length,
          `${node.op.name}: ${dispatch.shader}`,
        ).toBeLessThanOrEqual(DEFAULT_LIMITS.maxStorageBuffersPerShaderStage);
});
