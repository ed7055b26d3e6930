import { expect, it } from 'vitest';
import { damageOne } from './damage.ts';
import { temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();

it('damaged data sets end in an error or in well-formed samples, quickly', async () => {
  const counts = { refused: 0, unreadable: 0, read: 0 };
  for (let index = 0; index < 260; index++) await damageOne(folder, index, counts);
  expect(counts.refused).toBeGreaterThan(50);
  expect(counts.unreadable).toBeGreaterThan(10);
  expect(counts.read).toBeGreaterThan(500);
});
