import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DATASETS } from '../../src/data/datasets.ts';
import { epochLength } from '../../src/data/order.ts';
import { RECIPES, listRecipes, loadRecipe } from '../../src/recipe/load.ts';
import { recipeReference } from '../../src/recipe/reference.ts';
import { scheduleOf, stepsPerEpoch } from '../../src/training/schedule.ts';

const IMAGENET_IMAGES = 1_281_167;
const recipeOf = async (name: string) => (await loadRecipe(name)).recipe;

describe('recipes of the project', () => {
  it('all load, are described in a line, and name data sets that exist', async () => {
    const recipes = await listRecipes();
    expect(recipes.length).toBeGreaterThan(40);
    for (const { name, description } of recipes) {
      expect(description, name).toMatch(/^.{20,160}$/);
      expect(Object.keys(DATASETS), name).toContain((await recipeOf(name)).data.dataset);
    }
  });

  it('say where each number comes from', async () => {
    for (const folder of [RECIPES, join(RECIPES, 'base')])
      for (const file of (await readdir(folder)).filter((name) => name.endsWith('.yaml')))
        for (const [i, line] of (await readFile(join(folder, file), 'utf8')).split('\n').entries())
          if (/^\s*\w+: \[?\d/.test(line)) expect(line, `${file}:${i + 1}`).toMatch(/ # .{4,}/);
  });

  /** The papers' settings: [epochs, warm-up, batch, lr, drop path, steps per epoch]. */
  it.each([
    ['convnext-t', 300, 20, 4096, 4e-3, 0.1, 312],
    ['convnext-s', 300, 20, 4096, 4e-3, 0.4, 312],
    ['convnext-b', 300, 20, 4096, 4e-3, 0.5, 312],
    ['convnext-l', 300, 20, 4096, 4e-3, 0.5, 312],
    ['convnext-t-k31', 120, 20, 4096, 4e-3, 0.1, 312],
    ['convnext-t-slak-k51', 120, 20, 4096, 4e-3, 0.1, 312],
    ['convnext-xl-22k', 90, 5, 4096, 4e-3, 0.2, 312],
    ['convnext-b-22k-to-1k', 30, 0, 512, 5e-5, 0.2, 2502],
    ['convnext-l-384', 30, 0, 512, 5e-5, 0.95, 2502],
    ['replknet-31b', 300, 10, 2048, 4e-3, 0.5, 625],
    ['replknet-31b-384', 30, 1, 1024, 4e-4, 0.8, 1251],
    ['replknet-3b-22k', 90, 5, 4096, 4e-3, 0.1, 312],
    ['replknet-31b-22k-to-1k', 30, 1, 512, 4e-4, 0.2, 2502],
    ['replknet-31l-22k-to-1k-384', 30, 1, 512, 4e-4, 0.3, 2502],
  ])('%s follows its paper', async (name, epochs, warmup, batch, lr, dropPath, steps) => {
    const recipe = await recipeOf(name);
    const { schedule, optimizer, model } = recipe;
    expect([schedule.epochs, schedule.warmupEpochs, recipe.batch.size, optimizer.lr, model.dropPath]).toEqual(
      [epochs, warmup, batch, lr, dropPath],
    );
    expect(stepsPerEpoch(IMAGENET_IMAGES, batch)).toBe(steps);
    expect(scheduleOf(recipe, steps).lr(0)).toBe(warmup > 0 ? 0 : lr);
  });

  it('differ in the kernel alone within the ablation', async () => {
    const rest = async (name: string) => {
      const { name: _n, description: _d, model, ...others } = await recipeOf(name);
      return { ...others, model: { ...model, kernels: null } };
    };
    const first = await rest('convnext-t-k3');
    for (const k of [7, 13, 31, 51]) expect(await rest(`convnext-t-k${k}`)).toEqual(first);
    expect((await recipeOf('convnext-t-k51')).model.kernels).toEqual([51, 49, 47, 13]);
    expect((await recipeOf('convnext-t-k13')).model.kernels).toEqual([13, 13, 13, 13]);
    const cifar = await rest('cifar10-convnext-k3');
    for (const k of [7, 13]) expect(await rest(`cifar10-convnext-k${k}`)).toEqual(cifar);
  });

  it("have DeiT's schedule by epochs, which is late by one", async () => {
    const recipe = await recipeOf('deit-s16');
    expect(recipe).toMatchObject({
      model: { name: 'deit-s16', dropPath: 0.1 },
      augment: { repeats: 3, mixOrder: 'erase-then-mix', autoAugment: 'rand-m9-mstd0.5-inc1' },
      evaluation: { ema: false },
    });
    const steps = stepsPerEpoch(epochLength(IMAGENET_IMAGES, 3), 1024);
    expect(steps).toBe(1251);
    const { lr } = scheduleOf(recipe, steps);
    const rates = [0, 1, 2, 5, 6, 151, 299].map((epoch) => lr(epoch * steps));
    const want = [1e-6, 1e-6, 0.0002008, 0.0008002, 0.00099932, 0.000505, 1.0109e-5];
    want.forEach((rate, i) => expect(rates[i]! / rate).toBeCloseTo(1, 3));
  });

  it('pair pre-training with fine-tuning as published', async () => {
    expect(await recipeOf('convnext-b-22k')).toMatchObject({
      ema: null,
      model: { classes: 21841 },
      augment: { mixup: 0.8 },
    });
    expect(await recipeOf('convnext-b-22k-to-1k')).toMatchObject({
      ema: null,
      model: { classes: null, headInitScale: 0.001 },
      augment: { mixup: 0, cutmix: 0, erasing: { prob: 0.25 } },
      optimizer: { layerDecay: 0.8, weightDecay: 1e-8 },
      loss: { labelSmoothing: 0.1 },
      init: { dropHead: true },
    });
    expect((await recipeOf('convnext-xl-22k-to-1k')).ema).toEqual({ decay: 0.9999, warmup: false });
    expect((await recipeOf('replknet-31b-22k-to-1k-384')).schedule.minLr).toBe(3e-4);
    expect((await recipeOf('convnext-b-384')).optimizer.layerDecay).toBe(0.7);
  });
});

it('docs/recipes.md is up to date (npx tsx scripts/recipe-docs.ts)', async () => {
  const path = join(RECIPES, '../docs/recipes.md');
  expect(await readFile(path, 'utf8')).toBe(recipeReference(await listRecipes()));
});

describe('Robust-ResNet and BiT', () => {
  it.each(['dw', 'inverted-dw', 'up-inverted-dw', 'down-inverted-dw'])(
    'robust-resnet-%s follows its paper: rates by epoch, without a lag',
    async (kind) => {
      const recipe = await recipeOf(`robust-resnet-${kind}`);
      const steps = stepsPerEpoch(IMAGENET_IMAGES, recipe.batch.size);
      const { lr, totalSteps } = scheduleOf(recipe, steps);
      expect(totalSteps).toBe(300 * 1251);
      const at = [0, 1, 4, 5, 150, 299].map((epoch) => Number(lr(epoch * steps).toPrecision(5)));
      expect(at).toEqual([1e-6, 0.0002008, 0.0008002, 0.00099932, 0.000505, 1.0027e-5]);
      expect(recipe).toMatchObject({
        ema: null,
        augment: { repeats: 3, mixOrder: 'mix-then-erase', mixup: 0.8, cutmix: 1, erasing: { prob: 0.25 } },
        optimizer: { weightDecay: 0.05, layerDecay: null },
        loss: { labelSmoothing: 0.1 },
        model: { dropPath: 0.1, layerScaleInit: 0 },
      });
    },
  );

  it('bit-m-r101x3 is fine-tuned for 20,000 steps', async () => {
    const recipe = await recipeOf('bit-m-r101x3');
    const steps = stepsPerEpoch(IMAGENET_IMAGES, recipe.batch.size);
    expect(scheduleOf(recipe, steps).totalSteps).toBe(20_016);
    expect(scheduleOf(recipe, steps).lr(499)).toBeCloseTo(0.003, 12);
    expect(recipe).toMatchObject({
      data: { imageSize: 480, mean: [0.5, 0.5, 0.5] },
      evaluation: { resize: 480, crop: null, squash: true, interpolation: 'bilinear' },
      init: { dropHead: true },
    });
  });
});
