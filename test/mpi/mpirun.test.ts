import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT_INTERRUPTED } from '../../src/cli/errors.ts';
import { withoutRanks } from '../../src/cli/start-ranks.ts';
import { runCommand } from '../cli/run.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { runTiny, scratchFolder, tinyRecipe, traces } from '../training/tiny.ts';
import { endOf, installedEngines, startRanks, type Engine } from './engines.ts';
import { SHARDED } from './sharded.ts';

const engines = installedEngines();
// Ranks open their own devices; the first adapter will do.
const adapter = adapters[0];

const RUNS: Readonly<Record<Engine['name'], { size: number; model: keyof typeof SHARDED }>> = {
  'Open MPI': { size: 2, model: 'BatchNorm' },
  MPICH: { size: 4, model: 'LayerNorm' },
};

describe.skipIf(adapter === undefined)('ranks that mpirun starts', () => {
  if (engines.length === 0)
    it.skip('train alike (skipped: no mpirun here; Debian: apt-get install openmpi-bin mpich)', () =>
      undefined);

  it.each(engines)('train to the bits of one process: $name', { timeout: 300_000 }, async (engine) => {
    const { size, model } = RUNS[engine.name];
    const kind = adapter as string;
    const folder = scratchFolder();
    const overrides = SHARDED[model];
    const out = join(folder, 'ranks');
    const sets = overrides.flatMap((text) => ['--set', text]);
    const args = ['--recipe', tinyRecipe(folder), '--adapter', kind, '--out', out, ...sets];
    const [{ code, errors }] = await Promise.all([
      endOf(startRanks(engine, size, args)),
      runTiny(kind, join(folder, 'one'), { overrides }, () => false, await deviceFor(kind)),
    ]);
    expect(errors).toContain(`${size} ranks by mpirun of ${engine.name}`);
    expect(code).toBe(0);
    expect(await traces(out)).toEqual(await traces(join(folder, 'one')));
  });

  it.each(engines.slice(0, 1))(
    'evaluate to the JSON of one process: $name',
    { timeout: 300_000 },
    async (engine) => {
      const kind = adapter as string;
      const run = join(scratchFolder(), 'run');
      const changes = { overrides: SHARDED.LayerNorm, maxSteps: 1 };
      await runTiny(kind, run, changes, () => false, await deviceFor(kind));
      const command = [fileURLToPath(new URL('../../bin/largekernel.cjs', import.meta.url)), 'evaluate'];
      const args = ['--checkpoint', run, '--adapter', kind, '--batch', '64', '--json'];
      const [one, two] = await Promise.all(
        [1, 2].map(async (size) => {
          const child = startRanks(engine, size, args, command);
          return { said: await text(child.stdout as Readable), ...(await endOf(child)) };
        }),
      );
      expect(two?.code).toBe(0);
      expect(JSON.parse(one?.said ?? '')).toMatchObject({ count: 2000 });
      expect(two?.said).toBe(one?.said);
    },
  );

  it.each(engines.slice(0, 1))(
    'that are asked to stop in an attack keep what they finished, and one process goes on with it: $name',
    { timeout: 300_000 },
    async (engine) => {
      const kind = adapter as string;
      const [run, out] = [join(scratchFolder(), 'run'), scratchFolder()];
      const changes = { overrides: SHARDED.LayerNorm, maxSteps: 1 };
      await runTiny(kind, run, changes, () => false, await deviceFor(kind));
      const command = [
        fileURLToPath(new URL('../../bin/largekernel.cjs', import.meta.url)),
        'attack',
        'fgsm',
      ];
      const args = ['--checkpoint', run, '--eps', '0.1', '--limit', '320', '--adapter', kind];
      const units = () =>
        readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) =>
          /units.\d+\.json$/.test(name),
        );
      const child = startRanks(engine, 2, [...args, '--out', out], command);
      const ended = endOf(child);
      while (child.exitCode === null && units().length < 2) await sleep(20);
      child.kill('SIGUSR1');
      expect(await ended).toMatchObject({ code: EXIT_INTERRUPTED });
      const kept = units().length;
      expect(kept).toBeGreaterThanOrEqual(2);
      expect(kept).toBeLessThan(10);
      const further = async (to: string) => {
        const alone = startRanks(engine, 1, [...args, '--out', to, '--json'], command);
        const said = (await text(alone.stdout as Readable)).replaceAll(to, '');
        return { said, ...(await endOf(alone)) };
      };
      const [resumed, whole] = await Promise.all([further(out), further(scratchFolder())]);
      expect([resumed.code, whole.code]).toEqual([0, 0]);
      expect(units()).toHaveLength(10);
      expect(resumed.said).toBe(whole.said);
    },
  );

  it.each(engines)(
    'end with one error of the first rank where all meet it: $name',
    { timeout: 120_000 },
    async (engine) => {
      const args = ['--recipe', tinyRecipe(scratchFolder()), '--adapter', 'none such'];
      const { code, errors } = await endOf(startRanks(engine, 2, [...args, '--set', 'batch.shards=2']));
      // Neither the others nor the launcher add a word.
      expect(errors.trim().split('\n')).toEqual([
        expect.stringMatching(/^2 ranks by mpirun/) as string,
        expect.stringMatching(/^error: No adapter matches `none such`/) as string,
        expect.stringMatching(/^hint: /) as string,
      ]);
      expect(code).toBe(5);
    },
  );
});

it.each(engines)(
  'leave their process as it was: the C library’s functions, and the signals of WebAssembly: $name',
  async ({ mpirun }) => {
    const program = fileURLToPath(new URL('./rank-process.ts', import.meta.url));
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, NODE_OPTIONS: '--import tsx', LARGEKERNEL_MPIRUN: mpirun },
    });
    const [said, { code, errors }] = await Promise.all([text(child.stdout), endOf(child)]);
    expect(errors).toBe('');
    expect(code).toBe(0);
    expect(said.trim().split('\n')).toEqual(
      new Array(2).fill('as it was; RuntimeError: memory access out of bounds'),
    );
  },
);

it('ranks that could not share a step are refused before mpirun is started', async () => {
  const engine = { name: 'MPICH', mpirun: 'no such mpirun' } as const;
  const { code, errors } = await endOf(startRanks(engine, 2, ['--recipe', tinyRecipe(scratchFolder())]));
  expect(errors).toContain('2 ranks cannot share a step evenly that the recipe cuts into 1 (batch.shards).');
  expect(code).toBe(10);
});

it.skipIf(engines.length === 0)('an mpirun that cannot start ranks is told', async () => {
  const engine = { name: 'MPICH', mpirun: 'false' } as const;
  const args = ['--recipe', tinyRecipe(scratchFolder()), '--set', 'batch.shards=2'];
  const { code, errors } = await endOf(startRanks(engine, 2, args));
  expect(errors).toContain('error: false ended with code 1.\nhint: ');
  expect(code).toBe(1);
});

describe('before mpirun is started', () => {
  const none = { LARGEKERNEL_MPIRUN: 'no such mpirun', LARGEKERNEL_MPI_LIBRARY: '/no/such/libmpi.so' };
  const tiny = tinyRecipe(scratchFolder());
  const weights = fileURLToPath(
    new URL('../../checkpoints/resnet20-cifar10/resnet20.safetensors', import.meta.url),
  );
  beforeEach(() => {
    for (const [name, value] of Object.entries(none)) vi.stubEnv(name, value);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each([
    ['no file', 2, 8, 'evaluate --checkpoint none', 'there is no file none'],
    [
      'a wrong option',
      2,
      2,
      `evaluate --checkpoint ${weights} --on-error maybe`,
      '--on-error takes fail or skip',
    ],
    [
      'an unknown benchmark',
      2,
      2,
      `evaluate --checkpoint ${weights} --benchmarks vall`,
      'no benchmark "vall"',
    ],
    ['no file to attack', 2, 8, 'attack fgsm --checkpoint none', 'there is no file none'],
    ['no saved images', 2, 8, `attack saved --from none --checkpoint ${weights}`, 'none'],
    ['no file to analyse', 2, 8, 'analyze occlusion --checkpoint none', 'there is no file none'],
    ['no recipe', 2, 2, 'bench ranks --recipe none', 'there is no recipe named none'],
    ['shards of a benchmark', 2, 10, `bench ranks --recipe ${tiny}`, 'cannot share a step evenly'],
    ['an odd number of ranks', 3, 10, `evaluate --checkpoint ${weights}`, 'Start 2 or 4'],
    [
      'a slip',
      2 ** 20,
      10,
      `evaluate --checkpoint ${weights}`,
      '1048576 ranks were asked for on this machine',
    ],
    ['no MPI library', 2, 10, `evaluate --checkpoint ${weights}`, 'No MPI library could be loaded'],
  ])('%s is told once', async (_, ranks, code, line, said) => {
    const ended = await runCommand(...line.split(' '), '--ranks', String(ranks));
    expect(ended.stderr).toContain(said);
    expect(ended.stderr.match(/error: /g)).toHaveLength(1);
    expect(ended.code).toBe(code);
  });
});

it('--ranks is left out of what the ranks are started with', () => {
  expect(withoutRanks(['train', '--ranks', '4', '--out', 'a'])).toEqual(['train', '--out', 'a']);
  expect(withoutRanks(['--ranks=2', '--out', '--ranksome'])).toEqual(['--out', '--ranksome']);
});
