/**
 * Flipped bits in the files of a finished and an unfinished run: `npx tsx scripts/campaign-flips.ts 1000 [adapter]`. Each must be said, or
 * change nothing that is read; every 25th unfinished run is trained to its end. The first that is used silently ends the campaign.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDevice } from '../src/device/open.ts';
import { PipelineCache } from '../src/shader/pipelines.ts';
import { flipOne, makeWorld } from '../test/campaigns/flips.ts';

const count = Number(process.argv[2] ?? 1000);
const device = await openDevice(process.argv[3] ?? 'lavapipe');
const folder = await mkdtemp(join(tmpdir(), 'largekernel-flips-'));
try {
  const world = await makeWorld({ device, pipelines: new PipelineCache(device) }, folder);
  const table = new Map<string, Record<string, number>>();
  for (let index = 0; index < count; index++) {
    const [file, outcome] = await flipOne(world, index, index % 25 === 0);
    const row = table.get(file) ?? { refused: 0, said: 0, same: 0 };
    row[outcome] = (row[outcome] ?? 0) + 1;
    table.set(file, row);
  }
  console.table(Object.fromEntries([...table].sort()));
  console.log(`${count} flips in ${world.files.size} files: none was used silently, no internal error`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(process.exitCode ?? 0);
