/** Many seeded mutations of tensor files: `npx tsx scripts/fuzz-formats.ts 10000`. Fails on the first that is not refused or read. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fuzzOne } from '../test/formats/mutate.ts';

const count = Number(process.argv[2] ?? 10_000);
const folder = await mkdtemp(join(tmpdir(), 'largekernel-fuzz-'));
const counts = { refused: 0, opened: 0, readWhole: 0 };
try {
  for (let index = 0; index < count; index++) await fuzzOne(folder, index, counts);
  const megabytes = Math.round(process.memoryUsage().rss / 2 ** 20);
  console.log(`${count} mutations: ${JSON.stringify(counts)}, ${megabytes} MB resident at the end`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
