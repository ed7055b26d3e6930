import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listRecipes, loadRecipe } from '../../src/recipe/load.ts';
import { peakRate } from '../../src/recipe/rate.ts';
import { checkEffects } from '../../src/training/effects.ts';
import { averageDecay } from '../../src/training/step/optimizer.ts';
import { modelOfRecipe } from '../../src/training/weights/recipe-model.ts';

async function check(recipe: string, ...overrides: string[]): Promise<void> {
  const loaded = await loadRecipe(recipe, overrides);
  checkEffects(loaded);
  modelOfRecipe(loaded.recipe, 10);
}

function recipeFile(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'largekernel-')), 'mine.yaml');
  writeFileSync(file, text);
  return file;
}

describe('keys of a recipe', () => {
  it.each([
    ['resnet50 has no variant', ['model.name=resnet50', 'model.variant=plain'], 'model.variant'],
    ['RepLKNet has no layer scale, not even the default', ['model.name=replknet-31b', 'model.layerScaleInit=1e-6'], 'model.layerScaleInit'],
    ['pad-crop has no scale', ['augment.crop=pad-crop', 'augment.scale=[0.5,1]'], 'augment.scale'],
    ['nothing is mixed', ['augment.mixup=0', 'augment.cutmix=0', 'augment.mixMode=elem'], 'augment.mixMode'],
    ['AdamW has no momentum', ['optimizer.momentum=0.9'], 'optimizer.momentum'],
    ['SGD has no betas', ['optimizer.name=sgd', 'optimizer.betas=[0.9,0.9]'], 'optimizer.betas'],
    ['jitter beside RandAugment', ['augment.colorJitter=0.4'], 'augment.colorJitter'],
    ['no average to evaluate', ['ema=null', 'evaluation.ema=true'], 'evaluation.ema'],
    ['a stem of ResNet has no patches', ['model.name=robust-resnet-dw', 'model.stem=resnet', 'model.stemPatch=8'], 'model.stemPatch'],
    ['a classifier that is not new', ['init=x.pth', 'model.headInitScale=0.001'], 'model.headInitScale'],
    ['no weights to drop the head of', ['init.dropHead=true'], 'init.dropHead'],
  ])('that change nothing are refused: %s', async (_, overrides, key) => {
    await expect(check('convnext-t', ...overrides)).rejects.toThrow(`command line: ${key} was given, but it has no effect`);
  }); // prettier-ignore

  it('are refused in a file of one’s own, with its line, unless they say what holds anyway', async () => {
    const file = recipeFile('extends: convnext-t\noptimizer:\n  momentum: 0.8\n');
    await expect(check(file)).rejects.toThrow(/mine\.yaml:3: optimizer\.momentum was given/);
    await check(recipeFile('extends: convnext-t\noptimizer:\n  momentum: 0.9\n'));
  });

  it('are not asked for by a whole section, nor by a file whose section the command line changes', async () => {
    await check('convnext-t', 'augment=none');
    await check(recipeFile('extends: convnext-t\naugment: none\n'));
    await expect(check('convnext-t', 'augment=none', 'augment.padding=4')).rejects.toThrow(
      /augment\.padding/,
    );
    const own = recipeFile('extends: convnext-t\naugment: { crop: pad-crop, padding: 2 }\n');
    await check(own, 'augment.crop=random-resized');
    await expect(check(own, 'augment.crop=random-resized', 'augment.padding=2')).rejects.toThrow(/no effect/);
  });

  it('have one that is easily overlooked', async () => {
    await check('deit-s16', 'augment.autoAugment=3a', 'augment.colorJitter=0.3');
    await check('quickstart', 'augment.flip=0.5', 'augment.interpolation=bilinear');
    await check(
      'quickstart',
      'augment.crop=pad-crop',
      'augment.autoAugment=rand-m9',
      'augment.interpolation=bilinear',
    );
    for (const set of [[], ['augment.crop=pad-crop'], ['augment.crop=pad-crop', 'augment.autoAugment=3a']])
      await expect(check('quickstart', ...set, 'augment.interpolation=bilinear')).rejects.toThrow(
        'command line: augment.interpolation was given, but it has no effect',
      );
  });

  it('a warm-up of no epochs is none beside a parent’s of steps', async () => {
    const file = recipeFile('extends: quickstart\nschedule: { warmupEpochs: 0 }\n');
    await expect(check(file)).rejects.toThrow(
      /mine\.yaml:2: schedule\.warmupEpochs .*warmupSteps: 30 \(recipes\/quickstart\.yaml/,
    );
    await check(recipeFile('extends: quickstart\nschedule: { warmupEpochs: 0, warmupSteps: null }\n'));
  });

  it('all have an effect in the recipes of the project', async () => {
    for (const { name } of await listRecipes()) await check(name);
  });

  it('obey: the plain variant of slak-t is refused, since its small kernel needs the other', async () => {
    await expect(check('convnext-t', 'model.name=slak-t', 'model.variant=plain')).rejects.toThrow(
      /model\.variant: variant is plain, but smallKernel is 5/,
    );
    const { recipe } = await loadRecipe('convnext-t', ['model.name=slak-t']);
    expect(modelOfRecipe(recipe, 10).config).toMatchObject({ variant: 'slak' });
  });
});

describe('the learning rate', () => {
  const warningsOf = async (...overrides: string[]) => (await loadRecipe('convnext-t', overrides)).warnings;

  it('is warned of where the batch alone was changed', async () => {
    expect(await warningsOf('batch=256')).toEqual([
      'warning: the batch is 256, but optimizer.lr 0.004 (recipes/base/convnext-1k.yaml:9) was given for 4096; --set optimizer.lrPer=4096 scales it to 0.00025, --set optimizer.lr=… gives another',
    ]);
    for (const overrides of [
      [],
      ['batch=4096'],
      ['batch=256', 'optimizer.lr=1e-4'],
      ['batch=256', 'optimizer.lrPer=4096'],
    ])
      expect(await warningsOf(...overrides)).toEqual([]);
    const { warnings } = await loadRecipe(recipeFile('extends: convnext-t\nbatch: 1024\n'));
    expect(warnings[0]).toMatch(/the batch is 1024, .* was given for 4096/);
    expect(
      (await loadRecipe(recipeFile('extends: convnext-t\nbatch: 1024\noptimizer: { lr: 1.0e-3 }\n')))
        .warnings,
    ).toEqual([]);
  });

  it('scales by lrPer', async () => {
    const { recipe } = await loadRecipe('convnext-t', ['batch=256', 'optimizer.lrPer=4096']);
    expect(peakRate(recipe)).toBe(2.5e-4);
    expect(peakRate((await loadRecipe('convnext-t')).recipe)).toBe(4e-3);
  });
});

it('the average warms up as TensorFlow’s does, to its decay', () => {
  expect([0, 1, 8, 89].map((n) => averageDecay(0.9999, n))).toEqual([1 / 10, 2 / 11, 9 / 18, 90 / 99]);
  expect(averageDecay(0.9, 1000)).toBe(0.9);
});
