import { describe, expect, it } from 'vitest';
import { MODEL_SETTINGS } from '../../../src/formats/model-metadata.ts';
import { createModel } from '../../../src/models/registry.ts';
import { evalConfig } from '../../../src/recipe/transforms.ts';
import { normalizationOf } from '../../../src/training/data.ts';
import {
  describePreprocessing,
  preprocessingSettings,
  saidPreprocessing,
} from '../../../src/training/weights/preprocessing.ts';
import { bareRecipe } from '../../../src/training/weights/recipe-model.ts';

const model = createModel('convnext-custom');
const file = (settings: readonly unknown[]) => ({
  metadata: new Map([[MODEL_SETTINGS, JSON.stringify(settings)]]),
});

describe('the preprocessing in a file', () => {
  it('is what differs from that of the model, and is read back', async () => {
    const { resize, ...published } = model.preprocessing(224);
    const own = { imageSize: 28, evalConfig: { ...published, resize: null, crop: null } };
    const means = [0.286, 0.286, 0.286] as const;
    const settings = preprocessingSettings(model, { ...own, normalization: { mean: means, std: means } });
    const { recipe } = await bareRecipe(model.name, await saidPreprocessing(file(settings), model.name, []));
    expect(recipe.data.imageSize).toBe(28);
    expect(evalConfig(recipe)).toMatchObject({ resize: null, crop: null });
    expect(normalizationOf(recipe)).toEqual({ mean: means, std: means });
    expect(resize).not.toBeNull();
  });

  it('gives way to the command: a size to a size, and with it the crop that belongs to the other', async () => {
    const said = ['data.imageSize=28', 'evaluation.crop=28', 'data.mean=[0.5,0.5,0.5]'];
    const left = (...overrides: string[]) => saidPreprocessing(file(said), model.name, overrides);
    expect(await left('data.mean=[0,0,0]')).toEqual(said.slice(0, 2));
    expect(await left('data.imageSize=32')).toEqual(said.slice(2));
  });

  it('is said in words', () => {
    const [imageSize, normalization] = [224, { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] }] as const;
    const { resize, crop, squash, interpolation } = createModel('vit-b16').preprocessing(imageSize);
    const evalConfig = { resize, crop, squash, interpolation };
    expect(describePreprocessing('vit-b16', { imageSize, evalConfig, normalization })).toContain(
      'preprocessing of vit-b16: short side 248, bicubic, the middle 224, mean 0.5 0.4 0.3, std 0.2 0.2 0.2',
    );
  });

  it('is passed over where it is none', async () => {
    for (const settings of [
      ['data.mean=x'],
      ['data.root=/etc'],
      ['optimizer.lr=1'],
      [4],
      ['evaluation.crop'],
    ])
      expect(await saidPreprocessing(file(settings), model.name, [])).toEqual([]);
  });
});
