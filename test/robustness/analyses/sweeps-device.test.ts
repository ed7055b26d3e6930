import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { Analysis } from '../../../src/robustness/analyses/analysis.ts';
import { settingsOf } from '../../../src/robustness/analyses/presets.ts';
import { ModelWeights } from '../../../src/models/weights.ts';
import { findAnalysis } from '../../../src/robustness/analyses/registry.ts';
import type { Tally } from '../../../src/robustness/scoring/tally.ts';
import { PipelineCache } from '../../../src/shader/pipelines.ts';
import { adapters } from '../../ops/harness.ts';
import { tinyContext } from './world.ts';

const own = (analysis: Analysis, given: Readonly<Record<string, unknown>>) =>
  settingsOf(analysis, 'default', given);

describe.each(adapters)('sweeps on %s', (kind) => {
  const shared = tinyContext(kind);

  it('does not depend on batches, and goes on where it was stopped with the same bytes', async () => {
    const context = await shared;
    const analysis = findAnalysis('occlusion');
    const settings = own(analysis, { shares: [0.3, 0.6], repetitions: 2 });
    const whole = context();
    await analysis.run(whole, settings);
    const stop = new AbortController();
    const parts = context();
    const onProgress = ({ imagesDone }: { imagesDone: number }) => {
      if (imagesDone > 30) stop.abort();
    };
    await expect(analysis.run({ ...parts, signal: stop.signal, onProgress }, settings)).rejects.toMatchObject(
      {
        code: 'evaluate/aborted',
      },
    );
    await analysis.run({ ...parts, batch: 3 }, settings);
    const bytes = (folder: string) => readFileSync(join(folder, 'result.json'));
    expect(bytes(parts.folder)).toEqual(bytes(whole.folder));
    await expect(analysis.run(parts, own(analysis, { seed: 1 }))).rejects.toMatchObject({
      code: 'evaluate/other-run',
    });
  });

  it('of lesions compile every shader once, upload no weights again, and remove what they say', async () => {
    const ctx = (await shared)();
    const { device, weights } = await ctx.onDevice();
    const before = PipelineCache.of(device).size;
    const spies = [
      vi.spyOn(device.gpu, 'createShaderModule'),
      vi.spyOn(device.gpu.queue, 'writeBuffer'),
      vi.spyOn(device.gpu, 'createBuffer'),
    ] as const;
    const analysis = findAnalysis('lesion');
    const first = await analysis.run(ctx, own(analysis, { samples: 2 }));
    const compiled = PipelineCache.of(device).size;
    const again = await analysis.run({ ...ctx, folder: `${ctx.folder}-b` }, own(analysis, { samples: 3 }));
    expect(PipelineCache.of(device).size).toBe(compiled);
    const [shaders, writes, buffers] = spies;
    expect(shaders).toHaveBeenCalledTimes(compiled - before);
    const stores = new Set([...weights.parameters.buffers, ...weights.state.buffers]);
    expect(writes.mock.calls.filter(([target]) => stores.has(target))).toEqual([]);
    const labels = buffers.mock.calls.map(([{ label = '' }]) => label);
    expect(labels.length).toBeGreaterThan(0);
    expect(labels.filter((label) => /^(parameters|state) /.test(label))).toEqual([]);
    for (const spy of spies) spy.mockRestore();
    const [curve] = again.curves!;
    expect(curve!.points.map(({ x }) => x)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(curve!.points.at(-1)).toMatchObject({ total: 12 }); // all blocks: one set
    expect(first.parts.find(({ name }) => name === 'removed/1/0')!.note).toBe(
      'of 5 without stages.0.0, stages.0.1, stages.1.0, stages.2.0, stages.2.1',
    );
  });

  it('of a block whose branch is zero change nothing', async () => {
    const ctx = (await shared)();
    const { device } = await ctx.onDevice();
    const zero = new Map(ctx.values).set('stages.1.0.gamma', new Float32Array(6));
    const weights = await ModelWeights.upload(device, ctx.model, zero);
    const analysis = findAnalysis('lesion');
    const result = await analysis.run(
      { ...ctx, onDevice: async () => ({ device, weights }) },
      own(analysis, { mode: 'single' }),
    );
    const outcomes = (block: string) => {
      const unit = result.parts.findIndex(({ name, note }) => (note ?? name).endsWith(block));
      return (JSON.parse(readFileSync(join(ctx.folder, 'units', `0000${unit}.json`), 'utf8')) as Tally)
        .outcomes;
    };
    expect(outcomes('without stages.1.0')).toEqual(outcomes('clean/0/0'));
    expect(outcomes('without stages.2.0')).not.toEqual(outcomes('clean/0/0'));
    weights.destroy();
  });

  it('of saliency drop the rows of a file', async () => {
    const ctx = (await shared)();
    const analysis = findAnalysis('occlusion');
    const source = join(ctx.data!, 'given.f32');
    writeFileSync(
      source,
      Float32Array.from({ length: 12 * 64 }, (_, i) => 1 + (i % 64)),
    );
    const settings = own(analysis, { shares: [0, 0.5], repetitions: 1, saliency: source });
    const result = await analysis.run(ctx, settings);
    expect(result.curves!.map(({ points }) => points[0]!.change)).toEqual(
      [1, 2, 3].map(() => ({ value: 0, low: 0, high: 0 })),
    );
    expect(result.protocol.settings).toMatch(/saliency file [0-9a-f]{12}/);
    expect(result.report.plots!.map(({ id }) => id)).toEqual(['random', 'salient', 'background']);
    expect(result.metrics.map(({ id }) => id)).toEqual(['top1', 'random-50', 'salient-50', 'background-50']);
    await expect(
      analysis.run((await shared)(), own(analysis, { patch: 1, saliency: source })),
    ).rejects.toThrow(/holds 768 values; 1024 of at least 0 are due/);
  });
});
