/**
 * Attacks and analyses of a tiny model killed at random moments: `npx tsx scripts/campaign-analyses.ts [kills each] [adapter] [name]`. Each
 * goes on until it has ended, and must end with the result file of one that was never stopped, byte for byte.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Rng } from '../src/util/rng.ts';
import { tinyModel } from '../test/campaigns/tiny-model.ts';

const BIN = fileURLToPath(new URL('../bin/largekernel.cjs', import.meta.url));
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  pgd: ['attack', 'pgd', '--eps', '0.01,0.05', '--random-start', '--limit', '256'],
  square: ['attack', 'square', '--eps', '0.05', '--queries', '40', '--limit', '192'],
  occlusion: ['analyze', 'occlusion', '--limit', '200'],
  lesion: ['analyze', 'lesion', '--limit', '200'],
  frequency: ['analyze', 'frequency', '--limit', '100'],
};

const each = Number(process.argv[2] ?? 5);
const adapter = process.argv[3] ?? 'lavapipe';
const rng = new Rng(0, 'kills');
const folder = await mkdtemp(join(tmpdir(), 'largekernel-kills-'));

/** Ends by itself, or is killed after `ms`. @returns whether it was killed */
function untilKilled(args: readonly string[], ms: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL') resolve(true);
      else if (code === 0) resolve(false);
      else reject(new Error(`${args.join(' ')} ended with ${code ?? signal ?? ''}: ${said}`));
    });
  });
}

/** The bytes of the one result below a folder: attacks and analyses have folders of their own in it. */
async function resultOf(out: string): Promise<Buffer> {
  const files = await readdir(out, { recursive: true });
  const file = files.find((path) => path.endsWith('result.json'));
  if (file === undefined) throw new Error(`${out} holds no result.json`);
  return readFile(join(out, file));
}

try {
  const model = await tinyModel(folder, 10, 28, adapter);
  for (const [name, command] of Object.entries(COMMANDS)) {
    if (!name.includes(process.argv[4] ?? '')) continue;
    const args = (out: string) => [...command, ...model, '--set', 'data.dataset=fashion-mnist', '--out', out];
    const [whole, parts] = [join(folder, `${name}-whole`), join(folder, `${name}-parts`)];
    const begun = performance.now();
    await promisify(execFile)(process.execPath, [BIN, ...args(whole)], { maxBuffer: 1e9 });
    const ms = performance.now() - begun;
    let kills = 0;
    while (kills < each && (await untilKilled(args(parts), ms * (0.3 + 0.7 * rng.uniform())))) kills++;
    await promisify(execFile)(process.execPath, [BIN, ...args(parts)], { maxBuffer: 1e9 });
    const [a, b] = await Promise.all([whole, parts].map((out) => resultOf(out)));
    if (a?.equals(b ?? Buffer.alloc(0)) !== true)
      throw new Error(`${name}: the results differ after ${kills} kills`);
    console.log(
      `${name}: ${kills} kills, the same ${a.length} bytes, ${Math.round(ms / 1000)} s a whole run`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
