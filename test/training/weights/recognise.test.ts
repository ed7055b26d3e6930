import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/models/model.ts';
import { createModel, modelNames } from '../../../src/models/registry.ts';
import { bareRecipe, modelOfRecipe } from '../../../src/training/weights/recipe-model.ts';
import { namingOf, recogniseModel, untoldMetadata } from '../../../src/training/weights/recognise.ts';
import { defined } from '../../../src/util/errors.ts';
import { goldenCases } from '../../models/golden.ts';

function entriesOf({ parameters }: Model) {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  return {
    names: () => [...shapes.keys()],
    info: (name: string) => ({ dtype: 'F32', shape: defined(shapes.get(name), name) }) as const,
  };
}

describe('recogniseModel', () => {
  it.each(modelNames())('knows %s as it is', async (name) => {
    const found = await recogniseModel(entriesOf(createModel(name)), name);
    expect(found?.model.name).toBe(name);
    expect(found?.settings).toEqual([]);
  });

  // Groups of BiT's norms leave no trace in the entries, nor do strides of other stages than the presets' four.
  const isTold = ([, { model, config }]: (typeof goldenCases)[number]) =>
    createModel(model).family !== 'bit' && !('strides' in config);

  it.each(goldenCases.filter(isTold))(
    'finds options with the same entries: %s',
    async (_name, { model: name, config }) => {
      const model = createModel(name, config);
      const found = await recogniseModel(entriesOf(model));
      expect(entriesOf(found!.model).names()).toEqual(entriesOf(model).names());
    },
  );

  it.each(goldenCases.filter((each) => !isTold(each)))(
    'does not guess what no entry tells: %s',
    async (_name, { model, config }) => {
      expect(await recogniseModel(entriesOf(createModel(model, config)))).toBeUndefined();
    },
  );

  it.each([
    ['robust-resnet-dw', { dims: [8, 16, 24, 32], kernels: [5, 5, 5, 3], depths: [1, 2, 1, 1] }],
    ['robust-resnet-up-inverted-dw', { dims: [8, 16, 32, 64], stemPatch: 8 }],
    ['robust-resnet-down-inverted-dw', { norms: [1, 2, 3], stem: 'resnet' }],
    ['bit-m-r101x3', { depths: [1, 1, 2, 1], dims: [32, 64, 64, 96] }],
  ])('finds other widths, depths and switches of %s', async (name, config) => {
    const model = createModel(name, config);
    const found = await recogniseModel(entriesOf(model));
    expect(entriesOf(found!.model).names()).toEqual(entriesOf(model).names());
    expect(found!.model.config).toMatchObject(config);
  });

  it('says what changed', async () => {
    const slak = createModel('convnext-t', {
      variant: 'slak',
      kernels: [31, 29, 27, 13],
      smallKernel: 5,
      classes: 100,
    });
    expect((await recogniseModel(entriesOf(slak), 'convnext-t'))?.settings).toEqual([
      'model.variant="slak"',
      'model.kernels=[31,29,27,13]',
      'model.smallKernel=5',
    ]);
    const merged = createModel('replknet-31b', { merged: true });
    expect((await recogniseModel(entriesOf(merged)))?.settings).toEqual(['model.merged=true']);
    const noScale = createModel('convnext-t', { layerScaleInit: 0 });
    expect((await recogniseModel(entriesOf(noScale)))?.settings).toEqual(['model.layerScaleInit=0']);
  });

  it('takes from the file what its entries do not tell, and passes over what is none', async () => {
    const model = createModel('vit-b16', { dim: 96, heads: 4, classes: 10 });
    const bare = entriesOf(model);
    const found = await recogniseModel(bare);
    expect(found?.untold).toBe('model.heads');
    expect(found?.settings).toEqual(['model.dim=96']);
    const metadata = new Map(Object.entries(await untoldMetadata(model)));
    const told = await recogniseModel({ ...bare, metadata });
    expect([told?.untold, told?.model.config['heads']]).toEqual([undefined, 4]);
    for (const set of ['model.heads=4', '["model.heads=5"]', '{}', '[4]', '["model.stem=x"]'])
      expect((await recogniseModel({ ...bare, metadata: new Map([['largekernel.set', set]]) }))?.untold).toBe(
        'model.heads',
      );
  });

  it('writes into files what their entries do not tell, and nothing else', async () => {
    for (const name of modelNames()) expect(await untoldMetadata(createModel(name))).toEqual({});
    expect(await untoldMetadata(createModel('convnext-t', { layerScaleInit: 1, dropPath: 0.1 }))).toEqual({});
    const strided = createModel('convnext-t', { stemPatch: 6, stemStride: 4 });
    const metadata = new Map(Object.entries(await untoldMetadata(strided)));
    const told = await recogniseModel({ ...entriesOf(strided), metadata });
    expect(told?.model.config).toMatchObject({ stemPatch: 6, stemStride: 4 });
    expect(await untoldMetadata(createModel('bit-m-r101x3', { groups: 16 }))).not.toEqual({});
  });

  it.each([
    [
      'convnext-t',
      { stemPatch: 7, stemStride: 5, variant: 'slak', merged: true, depths: [1], dims: [8], kernels: [5] },
    ],
    ['convnext-t', { stemPatch: 6, stemStride: 4 }],
    ['convnext-t', { stemStride: 7 }],
    ['vit-b16', { heads: 8 }],
    ['vit-b16', { dim: 512, depth: 8, heads: 8, mlpRatio: 3 }],
    ['robust-resnet-dw', { strides: [1, 2, 1, 2], activations: [1, 4] }],
  ])('the words of %s %j make the same model, from the command line and in a file', async (name, config) => {
    const model = createModel(name, config);
    const { model: named, settings } = await namingOf(model);
    const { recipe } = await bareRecipe(named, settings);
    expect(modelOfRecipe(recipe, 1000).config).toMatchObject(config);
    const metadata = new Map(Object.entries(await untoldMetadata(model)));
    const found = await recogniseModel({ ...entriesOf(model), metadata });
    expect(found?.untold).toBeUndefined();
    expect(found?.model.config).toMatchObject(config);
  });

  it.each([
    ['vit-b16', {}, undefined, 'model.heads'],
    ['vit-b16', { patch: 32, classes: 7 }, undefined, 'model.heads'],
    ['vit-b16', { dim: 1280, depth: 32, heads: 16, patch: 14 }, undefined, 'model.heads'],
    // Heads of 64 are those of B, and of nothing that is as wide only: shape-optimised models have others.
    ['vit-b16', { depth: 8, heads: 8, mlpRatio: 3 }, 'model.heads', undefined],
    ['vit-b16', { dim: 1152, depth: 2, heads: 16 }, 'model.heads', undefined],
    ['convnext-t', {}, undefined, undefined],
    ['convnext-t', { stemStride: 2 }, undefined, undefined],
    ['convnext-t', { stemStride: 1, stemPatch: 3 }, undefined, 'model.stemStride'],
  ])(
    'of %s %j the entries leave untold %s, and what published models have %s',
    async (name, config, untold, assumed) => {
      const found = await recogniseModel(entriesOf(createModel(name, config)));
      expect([found?.untold, found?.assumed]).toEqual([untold, assumed]);
    },
  );

  it('names what a file says in vain', async () => {
    const metadata = new Map([['largekernel.set', '["model.stemStride=3"]']]);
    const found = await recogniseModel({ ...entriesOf(createModel('convnext-t')), metadata });
    expect(found?.passedOver).toEqual(['model.stemStride=3']);
    expect(found?.model.config).toMatchObject({ stemStride: 4 });
  });

  it('does not guess', async () => {
    const { names, info } = entriesOf(createModel('resnet50'));
    expect(await recogniseModel({ names: () => names().slice(0, -1), info })).toBeUndefined();
    expect(
      await recogniseModel({ names: () => [...names(), 'ema.decay'], info: () => info('fc.bias') }),
    ).toBeUndefined();
    expect(await recogniseModel({ names: () => [], info })).toBeUndefined();
  });
});
