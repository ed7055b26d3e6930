import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainRequest } from '../../src/training/start.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { inProcess } from '../mpi/in-process.ts';
import { SHARDED } from '../mpi/sharded.ts';
import { runTiny, scratchFolder, traces } from './tiny.ts';

/** Trains with so many ranks, which all live here. */
async function train(
  adapter: string,
  size: number,
  out: string,
  changes: Partial<TrainRequest>,
): Promise<void> {
  const opened = await deviceFor(adapter);
  const ranks = size === 1 ? [undefined] : await inProcess(size);
  const results = await Promise.all(
    ranks.map((one) => runTiny(adapter, out, changes, () => false, opened, one)),
  );
  const [first] = results;
  // All ranks know the same of the run, though only the first writes.
  for (const { summary } of results) {
    expect(summary.evaluations).toEqual(first!.summary.evaluations);
    expect(summary.best).toEqual(first!.summary.best);
  }
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
});
