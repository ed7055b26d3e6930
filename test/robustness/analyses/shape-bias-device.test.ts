import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../../src/data/image/encode.ts';
import { toTensor } from '../../../src/data/transform.ts';
import { InferenceSession } from '../../../src/models/inference.ts';
import { createModel } from '../../../src/models/registry.ts';
import { settingsOf } from '../../../src/robustness/analyses/presets.ts';
import { findAnalysis } from '../../../src/robustness/analyses/registry.ts';
import { categories, decide } from '../../../src/robustness/analyses/shape-bias.ts';
import { findMetric } from '../../../src/robustness/benchmarks/evaluation/result.ts';
import { adapters } from '../../ops/harness.ts';
import { picture } from '../benchmarks/world.ts';
import { tinyContext, tinyModel } from './world.ts';

const SIDE = 32;
const COUNT = 12;

describe.each(adapters)('shape bias on %s', (kind) => {
  it('counts the decisions that the logits of each stimulus make, and leaves out those whose cues agree', async () => {
    const shapeBias = findAnalysis('shape-bias');
    const names = [...categories().keys()];
    const data = mkdtempSync(join(tmpdir(), 'largekernel-stimuli-'));
    mkdirSync(join(data, 'any'));
    const { config } = tinyModel();
    const model = createModel('convnext-custom', { ...config, classes: 1000, headInitScale: 3000 });
    const make = await tinyContext(kind, model);
    const context = { ...make(), data, batch: 1, about: { ...make().about, isImagenet: true } };
    const { mean, std } = context.about.normalization;
    const { device, weights } = await context.onDevice();
    const session = await InferenceSession.create(device, weights, {
      batch: 1,
      channels: 3,
      imageSize: SIDE,
    });
    const wanted = { shape: 0, texture: 0 };
    for (let i = 0; i < COUNT; i++) {
      const image = picture(i + 1, SIDE, SIDE);
      const x = new Float32Array(3 * SIDE ** 2);
      toTensor(image, mean, std, x);
      const decision = decide(await session.logits(x, 1), 'mean');
      const [own, other] = [names[decision], names[(decision + 1 + (i % 14)) % 16]];
      // A third has its decision as shape, a third as texture, a third as neither.
      const third = names[(decision + 15) % 16];
      const [shape, texture] = i % 3 === 0 ? [own, other] : i % 3 === 1 ? [other, own] : [other, third];
      if (i % 3 === 0) wanted.shape++;
      if (i % 3 === 1) wanted.texture++;
      writeFileSync(join(data, 'any', `${shape}${i}-${texture}1.png`), await encodePng(image));
      writeFileSync(join(data, 'any', `${shape}${i}-${shape}1.png`), await encodePng(image));
    }
    session.destroy();
    const result = await shapeBias.run(context, settingsOf(shapeBias, 'default', {}));
    expect(result.items).toEqual({ asked: COUNT, scored: COUNT, unreadable: 0 });
    const counts = ['shape-decisions', 'texture-decisions'].map((id) => findMetric(result, id)!.correct);
    expect(counts).toEqual([wanted.shape, wanted.texture]);
    const other = { ...make(), data };
    await expect(shapeBias.run(other, settingsOf(shapeBias, 'default', {}))).rejects.toThrow(
      'Shape bias needs a model of the 1000 ImageNet classes; convnext-custom has 1000',
    );
  });
});
