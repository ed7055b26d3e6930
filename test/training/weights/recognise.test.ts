import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/models/model.ts';
import { createModel, modelNames } from '../../../src/models/registry.ts';
import { recogniseModel, untoldMetadata } from '../../../src/training/weights/recognise.ts';
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

  it('does not guess', async () => {
    const { names, info } = entriesOf(createModel('resnet50'));
    expect(await recogniseModel({ names: () => names().slice(0, -1), info })).toBeUndefined();
    expect(
      await recogniseModel({ names: () => [...names(), 'ema.decay'], info: () => info('fc.bias') }),
    ).toBeUndefined();
    expect(await recogniseModel({ names: () => [], info })).toBeUndefined();
  });
});
