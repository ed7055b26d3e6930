import { afterAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { openDevice } from '../../src/device/open.ts';
import { defineFamily } from '../../src/models/family.ts';
import { InferenceSession } from '../../src/models/inference.ts';
import { evaluationAt } from '../../src/models/model.ts';
import type { CommonConfig } from '../../src/models/options.ts';
import { ModelWeights } from '../../src/models/weights.ts';
import { conv2d, depthwise, globalAveragePool, linear } from '../../src/nn/layers.ts';
import { initialise, truncNormal } from '../../src/nn/parameters.ts';
import { matmul } from '../../src/ops/matmul/op.ts';
import { parameterGroups } from '../../src/training/step/groups.ts';
import { Trainer } from '../../src/training/step/trainer.ts';
import { adapters } from '../ops/harness.ts';

interface Config extends CommonConfig {
  readonly imageSize: number;
}

/** A kernel as large as the map, random features that are not trained, and a projection that does not decay. */
const family = (head: 'head' | null) =>
  defineFamily<Config>({
    name: 'global',
    presets: { global: { classes: head === null ? 0 : 2, channels: 1, imageSize: 16 } },
    options: {},
    conflict: () => undefined,
    record: (r, x, { imageSize, classes }) => {
      const map = imageSize / 4;
      x = conv2d(r, 'stem', x, 4, { kernel: 4, stride: 4, padding: 0 });
      x = r.block('mix', x, (input) => depthwise(r, 'global', input, [2 * map - 1, 2 * map - 1]));
      const attrs = { transposeA: false, transposeB: true, bias: 'none' } as const;
      let rows = globalAveragePool(r, x);
      const random = r.scoped('random', () => r.frozen('weight', [6, 4], truncNormal(0.5)));
      rows = r.graph.one(matmul, { a: rows, b: random }, attrs);
      const token = r.scoped('token', () =>
        r.parameter('weight', [6, 6], truncNormal(0.5), { decays: false }),
      );
      rows = r.graph.one(matmul, { a: rows, b: token }, attrs);
      return head === null ? rows : linear(r, head, rows, classes);
    },
    blocks: () => [{ name: 'mix', stage: 0, removable: true }],
    head,
    layerDecay: { groups: () => 2, groupOf: (name) => Number(name.startsWith('head.')) },
    imageSize: ({ imageSize }) => imageSize,
    fixedSize: true,
    preprocessing: (_, size) => evaluationAt(size),
  });

describe('a family', () => {
  it('may have parameters that depend on the image size', () => {
    const shapeOf = (imageSize: number) =>
      family('head')
        .create('global', { imageSize })
        .parameters.find(({ name }) => name === 'mix.global.weight')?.shape;
    expect([shapeOf(16), shapeOf(32)]).toEqual([
      [4, 1, 7, 7],
      [4, 1, 15, 15],
    ]);
  });

  it('says which parameters do not decay, and which are not trained', () => {
    const { groups, members } = parameterGroups(family('head').create('global', {}), 0.5);
    expect(groups.map(({ key, scale, decays }) => [key, scale, decays])).toEqual([
      ['layer 0 decay', 0.5, true],
      ['layer 0 no decay', 0.5, false],
      ['layer 1 decay', 1, true],
      ['layer 1 no decay', 1, false],
    ]);
    const groupOf = (name: string) => members.find((member) => member.name === name)?.group;
    expect(groupOf('token.weight')).toBe('layer 0 no decay');
    expect(groupOf('mix.global.weight')).toBe('layer 0 decay');
    expect(groupOf('random.weight')).toBeUndefined();
  });
});

describe.each(adapters)('on %s', (adapter) => {
  let device: Device | undefined;
  const open = async () => (device ??= await openDevice(adapter));
  afterAll(() => device?.close());
  const images = Float32Array.from({ length: 2 * 256 }, (_, i) => Math.sin(i));

  it('trains all but what is frozen, whose average stays the same, too', async () => {
    const model = family('head').create('global', {});
    const trainer = await Trainer.create(await open(), model, { imageSize: 16, batch: 2, emaDecay: 0.9 });
    const before = await trainer.weights();
    for (let i = 0; i < 3; i++) await trainer.step(images, [0, 1], { lr: 0.1, weightDecay: 0.1 });
    const [raw, ema] = [await trainer.weights(), await trainer.weights('ema')];
    for (const weights of [raw, ema])
      expect(weights.get('random.weight')).toEqual(before.get('random.weight'));
    expect(raw.get('token.weight')).not.toEqual(before.get('token.weight'));
  });

  it('takes images of its size only', async () => {
    const model = family('head').create('global', {});
    await expect(Trainer.create(await open(), model, { imageSize: 20, batch: 1 })).rejects.toMatchObject({
      code: 'model/image-size',
    });
  });

  it('may end in features', async () => {
    const model = family(null).create('global', {});
    const weights = await ModelWeights.upload(await open(), model, initialise(model.parameters, 0));
    const shape = { batch: 2, channels: 1, imageSize: 16 };
    const session = await InferenceSession.create(await open(), weights, shape, { taps: ['features'] });
    session.run(images, 2);
    const { data, shape: found } = await session.tap('features');
    expect(found).toEqual([2, 6]);
    expect(data.some((value) => value !== 0)).toBe(true);
    await expect(session.logits(images, 2)).rejects.toMatchObject({ code: 'model/no-classifier' });
    await expect(Trainer.create(await open(), model, { imageSize: 16, batch: 1 })).rejects.toMatchObject({
      code: 'model/no-classifier',
    });
  });
});
