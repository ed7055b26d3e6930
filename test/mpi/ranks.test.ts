import { describe, expect, it } from 'vitest';
import { launchedBy } from '../../src/mpi/launched.ts';
import { checkRankCount, TAGS } from '../../src/mpi/ranks.ts';
import { inProcess } from './in-process.ts';

describe.each([1, 2, 8])('%i ranks', (size) => {
  it('gather what each says, in order', async () => {
    const ranks = await inProcess(size);
    const said = await Promise.all(
      ranks.map((one) => one.gatherAll({ rank: one.rank, text: 'é'.repeat(one.rank) })),
    );
    for (const all of said)
      expect(all).toEqual(Array.from({ length: size }, (_, rank) => ({ rank, text: 'é'.repeat(rank) })));
  });

  it('have what the first makes, and nothing where it makes nothing', async () => {
    const ranks = await inProcess(size);
    const made = await Promise.all(ranks.map((one) => one.fromFirst(() => ({ by: one.rank }))));
    expect(made).toEqual(new Array(size).fill({ by: 0 }));
    expect(await Promise.all(ranks.map((one) => one.fromFirst(() => undefined)))).toEqual(
      new Array(size).fill(undefined),
    );
  });

  it('agree on a flag that any of them raises', async () => {
    const ranks = await inProcess(size);
    const agreed = (raised: number) => Promise.all(ranks.map((one) => one.any(one.rank === raised)));
    expect(await agreed(size - 1)).toEqual(new Array(size).fill(true));
    expect(await agreed(-1)).toEqual(new Array(size).fill(false));
  });

  it('fill one vector from parts', async () => {
    const ranks = await inProcess(size);
    const filled = await Promise.all(
      ranks.map(async (one) => {
        const all = new Uint8Array(3 * size);
        all.fill(one.rank + 1, 3 * one.rank, 3 * one.rank + 3);
        await one.allGather(TAGS.losses, all);
        return [...all];
      }),
    );
    const whole = Array.from({ length: 3 * size }, (_, i) => Math.floor(i / 3) + 1);
    expect(filled).toEqual(new Array(size).fill(whole));
  });
});

it('a number of ranks that is no power of two is refused with the nearest ones', async () => {
  await expect(inProcess(6)).rejects.toThrow('6 ranks were started');
  expect(() => {
    checkRankCount(3, 'asked for');
  }).toThrow(
    expect.objectContaining({
      message: '3 ranks were asked for; sums are made in pairs.',
      hint: 'Start 2 or 4.',
    }),
  );
});

it.each([
  [{}, undefined],
  [{ OMPI_COMM_WORLD_SIZE: '1' }, undefined],
  [{ SLURM_NTASKS: '4' }, undefined],
  [{ OMPI_COMM_WORLD_SIZE: '4' }, { size: 4, family: 'openmpi' }],
  [
    { PMI_SIZE: '2', PMI_RANK: '1' },
    { rank: 1, size: 2, family: 'mpich' },
  ],
  [
    { SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '3', PMIX_RANK: '3' },
    { rank: 3, size: 8, family: 'openmpi' },
  ],
  [
    { SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '3', PMI_SIZE: '8' },
    { size: 8, family: 'mpich' },
  ],
])('the environment %o is of %o', (env, launched) => {
  if (launched === undefined) expect(launchedBy(env)).toBeUndefined();
  else expect(launchedBy(env)).toMatchObject(launched);
});
