/**
 * Training and sweeps killed at random moments in six configurations, 200 kills in all: `npx tsx scripts/campaign-kills.ts 200 [adapter]`; with the
 * name of a configuration behind, its part alone. Each run goes on until it has ended, and must end with the weights and the log of a run that was
 * never stopped; the first that does not ends the campaign.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONFIGURATIONS, buildPackage, killCampaign } from '../test/campaigns/kills.ts';

const total = Number(process.argv[2] ?? 200);
const adapter = process.argv[3] ?? 'lavapipe';
const folder = await mkdtemp(join(tmpdir(), 'largekernel-kills-'));
try {
  const command = buildPackage(join(folder, 'package'));
  const names = Object.keys(CONFIGURATIONS).filter((name) => name.includes(process.argv[4] ?? ''));
  const each = Math.ceil(total / Object.keys(CONFIGURATIONS).length);
  let all = 0;
  for (const name of names) {
    const begun = performance.now();
    const { kills, runs, moments } = await killCampaign(command, join(folder, name), name, each, adapter);
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(
      `${name}: ${kills} kills (${JSON.stringify(moments)}), ${runs} runs, no difference, ${seconds} s`,
    );
    all += kills;
  }
  console.log(`${all} kills in ${names.length} configurations: no difference in weights or logs`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
