import { describe, expect, it } from 'vitest';
import { loadRecipe } from '../../src/recipe/load.ts';
import { costOf, showKernels, stepsOf, trainingImages } from '../../src/sweeps/cost.ts';
import { targetOf } from '../../src/training/planning/fit.ts';

const cost = async (name: string, ...set: string[]) =>
  costOf((await loadRecipe(name, ['batch.micro=1', ...set])).recipe, targetOf(undefined), 1000);

describe('cost of a point', () => {
  it('tells the kernels a stage has from those that meet its map', async () => {
    const { stages, macs } = await cost('convnext-t-k51');
    expect(stages.map(({ map }) => map[0])).toEqual([56, 28, 14, 7]);
    expect(showKernels(stages, 'nominal')).toBe('51-49-47-13');
    expect(showKernels(stages, 'effective')).toBe('51-49-27-13');
    expect(macs.live).toBeLessThan(macs.nominal);
  });

  it('shows the largest of parallel kernels, strips as they are', async () => {
    const { stages } = await cost('slak-t-120');
    expect(showKernels(stages, 'nominal')).toMatch(/^51×5-49×5-47×5-13×5$/);
    expect(showKernels(stages, 'effective')).toBe('51×5-49×5-27×5-13×5');
  });

  it('agrees with the published multiply-adds', async () => {
    // Liu et al. 2022, Table 1: 4.5 G; Ding et al. 2022, Table 4: 15.3 G.
    expect((await cost('convnext-t-k7')).macs.nominal / 1e9).toBeCloseTo(4.46, 2);
    const replknet = await cost('replknet-31b-120');
    expect(replknet.macs.nominal / 1e9).toBeCloseTo(15.4, 1);
    expect(showKernels(replknet.stages, 'nominal')).toBe('31-29-27-13');
  });

  it('has no kernels to tell of a model without depthwise ones', () => {
    expect(showKernels([], 'nominal')).toBe('–');
  });
});

describe('steps', () => {
  it('are counted from the images that are there', async () => {
    const { recipe } = await loadRecipe(new URL('./quickstart.yaml', import.meta.url).pathname);
    const images = await trainingImages(recipe, new Map());
    expect(images).toEqual({ count: 10_000, classes: 10, problem: undefined });
    expect(stepsOf(recipe, images)).toBe(2 * 156);
    const { recipe: few } = await loadRecipe(new URL('./quickstart.yaml', import.meta.url).pathname, [
      'data.limitTrain=256',
    ]);
    expect(stepsOf(few, images)).toBe(2 * 4);
  });

  it('are those of the published data set where its images are not there, and the reason is kept', async () => {
    const { recipe } = await loadRecipe('convnext-t-k31');
    const images = await trainingImages(recipe, new Map());
    expect(images).toMatchObject({ count: 1_281_167, classes: 1000 });
    expect(images.problem).toMatch(/imagenet/);
    expect(stepsOf(recipe, images)).toBe(120 * Math.floor(1_281_167 / recipe.batch.size));
  });

  it('are unknown where nobody can know the number of images', async () => {
    const { recipe } = await loadRecipe('convnext-t', ['data.dataset=image-folder']);
    const images = await trainingImages(recipe, new Map());
    expect(images).toMatchObject({ count: undefined, classes: 1000 });
    expect(stepsOf(recipe, images)).toBeUndefined();
  });
});
