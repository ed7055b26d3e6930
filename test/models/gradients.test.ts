import { describe, expect, it } from 'vitest';
import {
  GradientSession,
  InferenceSession,
  ModelWeights,
  Trainer,
  createModel,
  oneHot,
} from '../../src/index.ts';
import { initialise } from '../../src/nn/parameters.ts';
import { Rng } from '../../src/util/rng.ts';
import { adapters, deviceFor } from '../ops/harness.ts';

const CLASSES = 3;
const SHAPE = { batch: 4, channels: 2, imageSize: 9 };
const IMAGE = SHAPE.channels * SHAPE.imageSize ** 2;
const model = createModel('convnext-custom', {
  channels: SHAPE.channels,
  classes: CLASSES,
  depths: [1],
  dims: [8],
  kernels: [5],
  stemStride: 3,
  stemPatch: 3,
  layerScaleInit: 0.5,
});
const values = initialise(model.parameters, 1);
const rng = new Rng(0, 'gradients');
const images = Float32Array.from({ length: SHAPE.batch * IMAGE }, () => rng.normal());
const targets = oneHot([2, 0, 1, 2], CLASSES);

describe.each(adapters)('gradients of images on %s', (adapter) => {
  const create = async (parameters = false) => {
    const { device } = await deviceFor(adapter);
    const weights = await ModelWeights.upload(device, model, values);
    return { device, weights, session: await GradientSession.create(device, weights, SHAPE, { parameters }) };
  };

  it('are those of central differences', async () => {
    const { session } = await create();
    const { dx } = await session.run(images, targets);
    for (const at of [0, 37, IMAGE + 5, 3 * IMAGE - 1]) {
      const lossAt = async (delta: number): Promise<number> => {
        const moved = images.slice();
        moved[at]! += delta;
        return (await session.run(moved, targets)).loss.reduce((sum, value) => sum + value, 0);
      };
      const slope = ((await lossAt(0.05)) - (await lossAt(-0.05))) / 0.1;
      expect(dx[at]).toBeCloseTo(slope, 3);
    }
  });

  it('do not depend on the images beside, and leave the logits as inference gives them', async () => {
    const { device, weights, session } = await create();
    const all = await session.run(images, targets);
    const alone = await session.run(images.slice(IMAGE, 2 * IMAGE), targets.slice(CLASSES, 2 * CLASSES));
    expect(alone.dx).toEqual(all.dx.slice(IMAGE, 2 * IMAGE));
    const inference = await InferenceSession.create(device, weights, SHAPE);
    expect(all.logits).toEqual(await inference.logits(images, SHAPE.batch));
  });

  it('come with those of the parameters, from zero in each pass', async () => {
    const { session } = await create(true);
    await session.run(images, targets);
    const first = await session.parameterGradients();
    await session.run(images, targets);
    expect(await session.parameterGradients()).toEqual(first);
    expect([...first.keys()]).toEqual(model.parameters.map(({ name }) => name));
    // The bias of the head gets softmax minus target, summed over the images.
    const { logits } = await session.run(images, targets);
    const expected = new Array<number>(CLASSES).fill(0);
    for (let i = 0; i < SHAPE.batch; i++) {
      const row = [...logits.slice(i * CLASSES, (i + 1) * CLASSES)].map(Math.exp);
      const sum = row.reduce((a, b) => a + b);
      row.forEach((value, c) => (expected[c]! += value / sum - targets[i * CLASSES + c]!));
    }
    first.get('head.bias')!.forEach((value, c) => expect(value).toBeCloseTo(expected[c]!, 4));
  });

  it('refuse images that do not fit', async () => {
    const { session } = await create();
    await expect(session.run(images, targets.slice(CLASSES))).rejects.toThrow('targets each are taken');
  });
});

describe.each(adapters)('the trainer on %s', (adapter) => {
  it('takes steps that do not depend on the micro-batch but for rounding, and lowers the loss', async () => {
    const { device } = await deviceFor(adapter);
    const losses = async (micro: number) => {
      const trainer = await Trainer.create(device, model, { imageSize: 9, batch: 4, micro, weights: values });
      const results: number[] = [];
      for (let i = 0; i < 4; i++)
        results.push((await trainer.step(images, [2, 0, 1, 2], { lr: 1e-2, weightDecay: 0 })).loss);
      expect(trainer.steps).toBe(4);
      expect([...(await trainer.weights()).keys()].sort()).toEqual([...values.keys()].sort());
      return results;
    };
    const whole = await losses(4);
    expect(whole[3]).toBeLessThan(whole[0]!);
    (await losses(2)).forEach((loss, i) => expect(loss).toBeCloseTo(whole[i]!, 4));
  });

  it('refuses labels that are no class', () => {
    expect(() => oneHot([3], CLASSES)).toThrow('Label 3 of image 0 is none of the 3 classes');
  });
});
