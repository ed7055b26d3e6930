import { describe, expect, it } from 'vitest';
import { createModel } from '../../../src/models/registry.ts';
import { ModelWeights } from '../../../src/models/weights.ts';
import { initialise } from '../../../src/nn/parameters.ts';
import { attentionDistance } from '../../../src/robustness/analyses/attention-distance.ts';
import { settingsOf } from '../../../src/robustness/analyses/presets.ts';
import { findAnalysis } from '../../../src/robustness/analyses/registry.ts';
import { onPatches } from '../../../src/robustness/analyses/saliency.ts';
import { adapters } from '../../ops/harness.ts';
import { tinyContext } from './world.ts';

const tiny = (classes: number) => ({
  classes,
  imageSize: 32,
  patch: 4,
  dim: 12,
  depth: 2,
  heads: 3,
  mlpRatio: 2,
});

describe('attention', () => {
  it('to oneself has distance 0; even attention that of a uniform map; the class token counts on neither side', () => {
    const tokens = 10;
    const self = Float64Array.from({ length: 100 }, (_, i) => Number(Math.floor(i / 10) === i % 10));
    expect(attentionDistance(self, tokens, 16)).toBe(0);
    const even = new Float64Array(100).fill(0.1);
    let sum = 0;
    for (let q = 0; q < 9; q++)
      for (let k = 0; k < 9; k++)
        sum += Math.hypot(Math.floor(q / 3) - Math.floor(k / 3), (q % 3) - (k % 3)) / 81;
    expect(attentionDistance(even, tokens, 16)).toBeCloseTo(16 * sum, 10);
    for (let q = 0; q < tokens; q++) even[q * tokens] = 5;
    expect(attentionDistance(even, tokens, 16)).toBeCloseTo(16 * sum, 10);
  });

  it('of a finer grid is added up to patches', () => {
    const cells = Float32Array.from({ length: 16 }, (_, i) => i);
    expect([...onPatches(cells, 2)]).toEqual([
      0 + 1 + 4 + 5,
      2 + 3 + 6 + 7,
      8 + 9 + 12 + 13,
      10 + 11 + 14 + 15,
    ]);
    expect(() => onPatches(cells, 3)).toThrow(/4×4 attended cells does not fit 3×3 patches/);
  });
});

describe.each(adapters)('a vision transformer on %s', (kind) => {
  const shared = tinyContext(kind, createModel('vit-b16', tiny(2)));

  it('is analysed as others are: halves, layers, heads', async () => {
    const analyse = async (id: string, given: Readonly<Record<string, unknown>>) => {
      const analysis = findAnalysis(id);
      return analysis.run((await shared)(), settingsOf(analysis, 'default', given));
    };
    const heads = await analyse('attention-distance', { images: 4 });
    expect(heads.curves!.map(({ name, points }) => [name, points.length])).toEqual([['blocks.0', 3], ['blocks.1', 3]]); // prettier-ignore
    for (const { points } of heads.curves!)
      for (const { y } of points) expect(y > 0 && y < 32 * Math.SQRT2).toBe(true);
    expect((await analyse('variance', { images: 4 })).curves![0]!.points).toHaveLength(5);
    const lesions = await analyse('lesion', { unit: 'half', most: 1 });
    expect(lesions.parts.map(({ note }) => note).slice(1)).toEqual(
      ['blocks.0.attn', 'blocks.0.mlp', 'blocks.1.attn', 'blocks.1.mlp'].map(
        (name) => `of 4 without ${name}`,
      ),
    );
  });

  it('says for another model what is salient', async () => {
    const ctx = (await shared)();
    const { device } = await ctx.onDevice();
    const model = createModel('dino-s16', tiny(0));
    const weights = await ModelWeights.upload(device, model, initialise(model.parameters, 4));
    const analysis = findAnalysis('occlusion');
    const settings = settingsOf(analysis, 'default', {
      shares: [0, 0.5],
      repetitions: 1,
      saliency: 'dino',
      head: 2,
    });
    const other = async () => ({ weights, imageSize: 32, sha256: 'f'.repeat(64) });
    const result = await analysis.run({ ...ctx, other }, settings);
    const part = (name: string) => result.parts.find((each) => each.name === name)!.correct;
    expect(part('salient/0/0')).toBe(part('clean/0/0'));
    expect(part('background/0/0')).toBe(part('clean/0/0'));
    expect(result.protocol.settings).toContain('saliency dino-s16 ffffffffffff head 2');
    await expect(
      analysis.run(
        { ...(await shared)(), other },
        settingsOf(analysis, 'default', { saliency: 'dino', head: 3 }),
      ),
    ).rejects.toThrow('Head 3 was asked for; the model has 3.');
  });
});
