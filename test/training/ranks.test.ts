import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { TrainRequest, TrainResult } from '../../src/training/start.ts';
import type { Ranks } from '../../src/mpi/ranks.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { inProcess } from '../mpi/in-process.ts';
import { SHARDED } from '../mpi/sharded.ts';
import { runTiny, scratchFolder, traces } from './tiny.ts';

/** Trains with so many ranks, which all live here. @param stop asks the last of them to stop */
async function train(
  adapter: string,
  size: number,
  out: string,
  changes: Partial<TrainRequest>,
  stop = () => false,
): Promise<TrainResult> {
  const opened = await deviceFor(adapter);
  const ranks = size === 1 ? [undefined] : await inProcess(size);
  const asked = (one: Ranks | undefined) => (one?.rank === size - 1 ? stop : () => false);
  const results = await Promise.all(
    ranks.map((one) => runTiny(adapter, out, changes, asked(one), opened, one)),
  );
  const [first] = results;
  // All ranks know the same of the run, though only the first writes.
  for (const { summary } of results) {
    expect(summary.evaluations).toEqual(first!.summary.evaluations);
    expect(summary.best).toEqual(first!.summary.best);
    expect(summary.outcome).toBe(first!.summary.outcome);
  }
  return first!;
}

/** A copy of Fashion-MNIST in which one pixel of the first image is another. */
function otherData(split: 'train' | 't10k'): string {
  const folder = scratchFolder();
  cpSync(new URL('../../data/fashion-mnist', import.meta.url), folder, { recursive: true });
  const file = join(folder, `${split}-images-idx3-ubyte`);
  const images = gunzipSync(readFileSync(`${file}.gz`));
  images[16] = (images[16] ?? 0) ^ 255;
  writeFileSync(file, images);
  return folder;
}

/** Lines of a run's log of one kind. */
async function linesOf(out: string, kind: 'step' | 'evaluation'): Promise<number> {
  const { metrics } = await traces(out);
  return (metrics as { kind: string }[]).filter((line) => line.kind === kind).length;
}

describe.each(adapters)('on %s', (adapter) => {
  it.each(Object.entries(SHARDED))(
    'a step in four shards has the same bits on 1, 2 and 4 ranks: %s',
    async (_, overrides) => {
      const { device } = await deviceFor(adapter);
      if (overrides.includes('precision=f16') && !device.features.has('shader-f16')) return;
      const outs = [1, 2, 4].map((size) => ({ size, out: join(scratchFolder(), `${size}`) }));
      for (const { size, out } of outs) await train(adapter, size, out, { overrides });
      const [one, two, four] = await Promise.all(outs.map(({ out }) => traces(out)));
      expect(one!.metrics).toHaveLength(4);
      expect(two).toEqual(one);
      expect(four).toEqual(one);
    },
  );

  it('a request to one rank in an evaluation that ranks share ends it for all, and others go on with it', async () => {
    // Of 20 images in batches of 3 one rank has four batches, the other three.
    const overrides = [...SHARDED.LayerNorm, 'evaluation.batch=3'];
    const [whole, parts] = [join(scratchFolder(), 'whole'), join(scratchFolder(), 'parts')];
    const log = join(parts, 'metrics.jsonl');
    const hasStepped = () => existsSync(log) && readFileSync(log, 'utf8').split('"step":2').length > 1;
    const [stopped] = await Promise.all([
      train(adapter, 2, parts, { overrides }, hasStepped),
      train(adapter, 1, whole, { overrides }),
    ]);
    expect(stopped.summary).toMatchObject({ outcome: 'interrupted', step: 2 });
    expect([await linesOf(parts, 'step'), await linesOf(parts, 'evaluation')]).toEqual([2, 0]);
    await train(adapter, 4, parts, { overrides });
    expect(await linesOf(parts, 'evaluation')).toBe(2);
    expect(await traces(parts)).toEqual(await traces(whole));
  });

  it.each([
    ['more steps', { maxSteps: 2 }, 'steps at most 2, rank 0 has 1'],
    ['another training image', { data: otherData('train') }, 'training images 32 ('],
    ['another validation image', { data: otherData('t10k') }, 'validation images 20 ('],
  ])('a rank that is given %s is refused by all', async (_, changes, said) => {
    const opened = await deviceFor(adapter);
    const out = join(scratchFolder(), 'run');
    const attempts = (await inProcess(2)).map((one) => {
      const request = { overrides: SHARDED.LayerNorm, maxSteps: 1, ...(one.rank === 1 && changes) };
      return runTiny(adapter, out, request, () => false, opened, one).catch(String);
    });
    for (const error of await Promise.all(attempts)) expect(error).toContain(said);
    expect(existsSync(join(out, 'metrics.jsonl'))).toBe(false);
  });
});
