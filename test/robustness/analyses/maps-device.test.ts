import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingsOf } from '../../../src/robustness/analyses/presets.ts';
import { findAnalysis } from '../../../src/robustness/analyses/registry.ts';
import { adapters } from '../../ops/harness.ts';
import { tinyContext } from './world.ts';

describe.each(adapters)('maps on %s', (kind) => {
  const shared = tinyContext(kind);
  const run = async (id: string, given: Readonly<Record<string, unknown>>, more = {}) => {
    const ctx = { ...(await shared)(), ...more };
    const analysis = findAnalysis(id);
    const result = await analysis.run(ctx, settingsOf(analysis, 'default', given));
    return { ctx, result, points: result.curves![0]!.points };
  };

  it('one image alone has the same variance either way, and so has any batch', async () => {
    const [each, mean] = [
      await run('variance', { images: 1 }),
      await run('variance', { images: 1, reduce: 'batchMean', pool: 1 }),
    ];
    expect(each.points).toHaveLength(8); // three stems and transitions, five blocks
    expect(mean.points.map(({ y }) => y)).toEqual(each.points.map(({ y }) => y));
    const [four, three] = [await run('variance', {}), await run('variance', {}, { batch: 3 })];
    expect(three.points).toEqual(four.points);
    expect(four.points[3]!.low).toBeLessThan(four.points[3]!.y);
    expect(four.result.items).toEqual({ asked: 12, scored: 12, unreadable: 0 });
  });

  it('the field of a patch stem and small kernels lies at the centre; it goes on where it was stopped', async () => {
    const given = { images: 6, size: 32, thresholds: [0.2, 0.5, 0.99] };
    const { ctx, result, points } = await run('erf', given);
    expect(points.map(({ x }) => x)).toEqual([20, 50, 99]);
    expect(points[0]!.y).toBeGreaterThan(0);
    expect(points[2]!.y).toBeGreaterThanOrEqual(points[1]!.y);
    expect(result.protocol.preprocessing).toBe('squash 32 bicubic, centre crop 32');
    const stop = new AbortController();
    const onProgress = () => {
      stop.abort();
    };
    const analysis = findAnalysis('erf');
    const settings = settingsOf(analysis, 'default', given);
    const again = (await shared)();
    await expect(analysis.run({ ...again, signal: stop.signal, onProgress }, settings)).rejects.toMatchObject(
      { code: 'evaluate/aborted' },
    );
    await analysis.run({ ...again, batch: 1 }, settings);
    const bytes = (folder: string) => readFileSync(join(folder, 'result.json'));
    expect(bytes(again.folder)).toEqual(bytes(ctx.folder));
  });
});
