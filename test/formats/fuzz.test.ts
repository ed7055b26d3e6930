import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { temporaryFolder } from './fixtures.ts';
import { fuzzOne } from './mutate.ts';

const folder = await temporaryFolder();

it('damaged files are refused or read, quickly, and run nothing', async () => {
  const counts = { refused: 0, opened: 0, readWhole: 0 };
  for (let index = 0; index < 300; index++) await fuzzOne(folder, index, counts);
  expect(counts.refused).toBeGreaterThan(150);
  expect(counts.readWhole).toBeGreaterThan(5);
  expect(existsSync('EXECUTED')).toBe(false);
});
