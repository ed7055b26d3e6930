import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/device/device.ts';
import { loadRecipe } from '../../src/recipe/load.ts';
import { fitPlan } from '../../src/training/fit.ts';
import { modelOfRecipe } from '../../src/training/recipe-model.ts';

describe('planned memory', () => {
  it.each(['none', 'cheap', 'blocks'])(
    'of ConvNeXt-T at 32 images is near the lower bound, recompute: %s',
    async (way) => {
      const settings = ['batch.size=32', 'batch.micro=32', `recompute=${way}`];
      const { recipe } = await loadRecipe('convnext-t-k31', settings);
      const large = { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 30 };
      const { memory } = fitPlan(recipe, modelOfRecipe(recipe.model, 1000), {
        limits: { ...DEFAULT_LIMITS, ...large },
        features: new Set(['subgroups']),
        budget: 2 ** 33,
        preferred: 32,
      });
      expect(memory.activations / memory.activationsLowerBound).toBeLessThan(1.06);
      expect(memory.evaluation).toBe(0);
    },
  );
});
