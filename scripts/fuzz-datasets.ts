/** Many seeded mutations of data sets: `npx tsx scripts/fuzz-datasets.ts 10000`. Fails on the first that is not refused or read. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { damageOne } from '../test/data/damage.ts';

const count = Number(process.argv[2] ?? 10_000);
const folder = await mkdtemp(join(tmpdir(), 'largekernel-damage-'));
const counts = { refused: 0, unreadable: 0, read: 0 };
let peak = 0;
try {
  for (let index = 0; index < count; index++) {
    await damageOne(folder, index, counts);
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  console.log(
    `${count} mutations: ${JSON.stringify(counts)}, at most ${Math.round(peak / 2 ** 20)} MB resident`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
