/**
 * Runs of 2 and 4 ranks under every MPI that is installed, of which one rank is killed at random moments: `npx tsx scripts/campaign-ranks.ts 30
 * [adapter]`. Each run goes on with another number of ranks, and must end with the weights and the log of one process that was never stopped; the
 * first that does not ends the campaign.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPackage } from '../test/campaigns/kills.ts';
import { rankKillCampaign } from '../test/campaigns/rank-kills.ts';
import { installedEngines } from '../test/mpi/engines.ts';
import { SHARDED } from '../test/mpi/sharded.ts';

const kills = Number(process.argv[2] ?? 30);
const adapter = process.argv[3] ?? 'lavapipe';
const engines = installedEngines();
if (engines.length === 0) throw new Error('no mpirun here; Debian: apt-get install openmpi-bin mpich');
const folder = await mkdtemp(join(tmpdir(), 'largekernel-rank-kills-'));
try {
  const command = [buildPackage(join(folder, 'package')), 'train'];
  const models = Object.keys(SHARDED) as (keyof typeof SHARDED)[];
  let slowest = 0;
  for (const model of models) {
    const each = Math.ceil(kills / models.length);
    const runs = await rankKillCampaign(
      command,
      join(folder, model),
      model,
      engines,
      each,
      adapter,
      (kill) => {
        slowest = Math.max(slowest, kill.ms);
        console.log(
          `${model}: ${kill.engine}, rank ${kill.rank} of ${kill.size} killed, ended after ${kill.ms.toFixed(0)} ms`,
        );
      },
    );
    console.log(`${model}: ${each} kills, ${runs} runs, no difference in weights or logs`);
  }
  console.log(`the slowest job ended ${(slowest / 1000).toFixed(1)} s after the kill`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
