import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adapters, deviceFor } from '../ops/harness.ts';
import { flipOne, makeWorld } from './flips.ts';
import { makeInputs, mutateOne } from './mutations.ts';

/** Small versions of what scripts/campaign-flips.ts and scripts/campaign-mutations.ts do at length. */
const folder = await mkdtemp(join(tmpdir(), 'largekernel-campaigns-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a flipped bit in a run', () => {
  const [adapter] = adapters;
  it.skipIf(adapter === undefined)(
    'is said or changes nothing, in every file of a finished and an unfinished run',
    { timeout: 300_000 },
    async () => {
      const world = await makeWorld(await deviceFor(adapter as string), join(folder, 'flips'));
      const outcomes = new Map<string, string>();
      for (let index = 0; index < world.files.size; index++)
        outcomes.set(...(await flipOne(world, index, index === world.files.size - 1)));
      expect([...outcomes.values()].filter((outcome) => outcome !== 'same').length).toBeGreaterThan(10);
      expect(outcomes.get('finished/checkpoints/step-00000006/model.safetensors')).toBe('refused');
      expect(outcomes.get('finished/environment.json')).toBe('refused');
      for (const unit of ['00000', '00001', '00002'])
        expect(outcomes.get(`finished/robustness/val/units/${unit}.json`)).toBe('refused');
    },
  );
});

describe('a mutated input', () => {
  it('is read or refused, never an internal error', async () => {
    const inputs = await makeInputs(folder);
    const counts = { read: 0, refused: 0 };
    for (let index = 0; index < 8 * inputs.length; index++) counts[await mutateOne(inputs, index)]++;
    expect(counts.refused).toBeGreaterThan(counts.read);
    expect(counts.read).toBeGreaterThan(0);
  });
});
