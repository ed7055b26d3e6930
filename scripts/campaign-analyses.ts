/**
 * Attacks and analyses of a tiny model killed at random units: `npx tsx scripts/campaign-analyses.ts [kills each] [adapter] [name] [seed]`. Each
 * goes on until it has ended, and must end with the result file of one that was never stopped, byte for byte.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyModel } from '../test/campaigns/tiny-model.ts';
import { killAtUnits } from '../test/campaigns/unit-kills.ts';

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  pgd: ['attack', 'pgd', '--eps', '0.01,0.05', '--random-start', '--limit', '256'],
  'apgd-ce': ['attack', 'apgd-ce', '--eps', '0.01,0.05', '--steps', '5', '--limit', '256'],
  square: ['attack', 'square', '--eps', '0.02,0.05', '--queries', '20', '--limit', '256'],
  autoattack: ['attack', 'autoattack', '--eps', '0.02', '--steps', '3', '--queries', '10', '--limit', '192'],
  'taig-r': ['attack', 'taig-r', '--eps', '0.05', '--steps', '2', '--samples', '3', '--limit', '256'],
  occlusion: ['analyze', 'occlusion', '--limit', '40'],
  lesion: ['analyze', 'lesion', '--unit', 'half', '--limit', '100'],
  frequency: ['analyze', 'frequency', '--limit', '40'],
  variance: ['analyze', 'variance', '--images', '384'],
  erf: ['analyze', 'erf', '--images', '20', '--size', '56'],
};

const [kills = '5', adapter = 'lavapipe', wanted = '', seed = '0'] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'largekernel-kills-'));
try {
  const model = await tinyModel(folder, 10, 28, adapter);
  const options = [...model, '--batch', '32', '--set', 'data.dataset=fashion-mnist'];
  for (const [name, words] of Object.entries(COMMANDS)) {
    if (!name.includes(wanted)) continue;
    const own = join(folder, name);
    await mkdir(own);
    const found = await killAtUnits([...words, ...options], own, Number(kills), Number(seed));
    console.log(
      `${name}: kills at ${found.kills.join(', ')} of ${found.units} units, the same ${found.bytes} bytes`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
