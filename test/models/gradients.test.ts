import { describe, expect, it } from 'vitest';
import {
  GradientSession,
  InferenceSession,
  ModelWeights,
  Trainer,
  createModel,
  oneHot,
} from '../../src/index.ts';
import { PipelineCache } from '../../src/shader/pipelines.ts';
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

  it('are of any function of the logits: those of the cross-entropy are sums of those of the logits', async () => {
    const { session } = await create();
    const { logits, dx } = await session.run(images, targets);
    const sum = new Float32Array(dx.length);
    for (let k = 0; k < CLASSES; k++) {
      const pass = await session.pullback(images, SHAPE.batch, (values) =>
        values.map((_, i) => Number(i % CLASSES === k)),
      );
      expect(pass.values).toEqual(logits);
      for (let i = 0; i < SHAPE.batch; i++) {
        const row = [...logits.slice(i * CLASSES, (i + 1) * CLASSES)].map(Math.exp);
        const weight = row[k]! / row.reduce((a, b) => a + b) - targets[i * CLASSES + k]!;
        for (let at = i * IMAGE; at < (i + 1) * IMAGE; at++) sum[at]! += weight * pass.dx[at]!;
      }
    }
    dx.forEach((value, at) => expect(sum[at]).toBeCloseTo(value, 5));
  });

  it('are of values inside the model, by the path of the module that makes them', async () => {
    const { device, weights } = await create();
    const of = 'stages.0.0';
    const inner = await GradientSession.create(device, weights, SHAPE, { of });
    const whole = await InferenceSession.create(device, weights, SHAPE, { taps: [of] });
    whole.run(images, SHAPE.batch);
    const { data, shape } = await whole.tap(of);
    const centre = (values: Float32Array) => values.map((_, i) => Number(i % 9 === 4));
    const { values, dx } = await inner.pullback(images, SHAPE.batch, centre);
    expect([shape.slice(2), values]).toEqual([[3, 3], data]);
    const sumAt = async (x: Float32Array) => {
      const pass = await inner.pullback(x, SHAPE.batch, (v) => v);
      return pass.values.reduce((sum, value, i) => sum + (i % 9 === 4 ? value : 0), 0);
    };
    const at = dx.reduce((best, value, i) => (Math.abs(value) > Math.abs(dx[best]!) ? i : best), 0);
    const moved = (delta: number) => images.map((value, i) => (i === at ? value + delta : value));
    expect(dx[at]).toBeCloseTo(((await sumAt(moved(0.05))) - (await sumAt(moved(-0.05)))) / 0.1, 2);
    await expect(GradientSession.create(device, weights, SHAPE, { of: 'stages.0.7' })).rejects.toThrow(
      'The model has no tap stages.0.7',
    );
  });

  it('compute no weight gradient, and take nothing but one upload and one compilation for any number', async () => {
    const { device, weights } = await create();
    const shaders = PipelineCache.of(device).size;
    const more = await GradientSession.create(device, weights, SHAPE);
    expect(PipelineCache.of(device).size).toBe(shaders);
    expect((await more.run(images, targets)).dx).toEqual(
      (await (await create()).session.run(images, targets)).dx,
    );
  });

  it('do not depend on how many images a pass takes', async () => {
    const { device, weights, session } = await create();
    const all = await session.run(images, targets);
    const single = await GradientSession.create(device, weights, { ...SHAPE, batch: 1 });
    for (let i = 0; i < SHAPE.batch; i++) {
      const one = await single.run(
        images.slice(i * IMAGE, (i + 1) * IMAGE),
        targets.slice(i * CLASSES, (i + 1) * CLASSES),
      );
      expect(one.dx).toEqual(all.dx.slice(i * IMAGE, (i + 1) * IMAGE));
    }
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
