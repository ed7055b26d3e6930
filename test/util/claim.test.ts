import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Claim, claim, claimSoon, holderOf, tryClaim, type Holder } from '../../src/util/claim.ts';
import { lifeOf, startOf, thisProcess, type ProcessIdentity } from '../../src/util/process-identity.ts';
import { sealedKind, sealedText } from '../../src/util/sealed.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claim-'));
  path = join(folder, 'run', 'claim.json');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Leaves a claim as another process would. */
async function leave(over: Partial<Holder>): Promise<void> {
  await (await claim(path, 'training')).release();
  const holder = {
    ...thisProcess(),
    work: 'training',
    since: '2025-01-02T03:04:05.000Z',
    token: 'x',
    ...over,
  };
  rmSync(path, { force: true });
  await (await import('node:fs/promises')).mkdir(join(folder, 'run'), { recursive: true });
  writeFileSync(path, sealedText(sealedKind<Holder>('claim', 1, ''), holder));
}

describe('a claim', () => {
  it('is one process’s until it is released, and leaves nothing behind', async () => {
    const mine = await claim(path, 'training');
    await expect(claim(path, 'training')).rejects.toThrow(
      expect.objectContaining({
        code: 'held/folder',
        message: expect.stringMatching(
          `run is held by process ${process.pid} \\(training since \\d{4}-.* UTC\\)`,
        ) as string,
        hint: expect.stringContaining(`kill ${process.pid}`) as string,
      }),
    );
    await mine.check();
    await mine.release();
    expect(await holderOf(path)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]); // the folder was made for the claim
    await (await claim(path, 'training')).release();
  });

  it('is given to one of many that ask at once', async () => {
    const taken = await Promise.all(Array.from({ length: 20 }, () => tryClaim(path, 'training')));
    expect(taken.filter((one) => one instanceof Claim)).toHaveLength(1);
    expect(readdirSync(join(folder, 'run'))).toEqual(['claim.json']);
  });

  it('leaves no folder behind that was made for several', async () => {
    const other = join(folder, 'run', 'other.json');
    const [one, two] = await Promise.all([claim(path, 'training'), claim(other, 'tuning')]);
    await one.release();
    expect(readdirSync(join(folder, 'run'))).toEqual(['other.json']);
    await two.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a process that has ended goes to one of many that ask at once', async () => {
    await leave({ pid: 2 ** 22 + 1 });
    const taken = await Promise.all(Array.from({ length: 20 }, () => tryClaim(path, 'training')));
    expect(taken.filter((one) => one instanceof Claim)).toHaveLength(1);
    expect(readdirSync(join(folder, 'run'))).toEqual(['claim.json']);
  });

  it('of a process id that was given again is void', async () => {
    await leave({ started: '1' });
    await (await claim(path, 'training')).release();
  });

  it('of another machine stands, and says how old it is and how to take over', async () => {
    await leave({ host: 'node17', pid: 4711 });
    utimesSync(path, Date.now() / 1000 - 7200, Date.now() / 1000 - 7200);
    await expect(claim(path, 'training')).rejects.toThrow(
      expect.objectContaining({
        message: expect.stringContaining(
          'held by process 4711 on node17 (training since 2025-01-02 03:04 UTC, last seen 2 h ago)',
        ) as string,
        hint: expect.stringContaining(`delete ${path}`) as string,
      }),
    );
    rmSync(path);
    await (await claim(path, 'training')).release();
  });

  it('that was damaged is no claim of nobody', async () => {
    await leave({ host: 'node17' });
    writeFileSync(path, readFileSync(path, 'utf8').replace('node17', 'node18'));
    utimesSync(path, Date.now() / 1000 - 60, Date.now() / 1000 - 60);
    await expect(claim(path, 'training')).rejects.toThrow(/claim\.json .* damaged/);
  });

  it('that was taken away is noticed before more is written', async () => {
    const mine = await claim(path, 'training');
    rmSync(path);
    await expect(mine.check()).rejects.toThrow(/is gone/);
    const next = await claim(path, 'training');
    await expect(mine.check()).rejects.toThrow(/process \d+’s/);
    await mine.release();
    await next.check();
    await next.release();
  });

  it('can be waited for', async () => {
    const first = await claim(path, 'tables');
    const second = claimSoon(path, 'tables', 10);
    await first.release();
    await (await second).release();
    const third = await claim(path, 'tables');
    await expect(claimSoon(path, 'tables', 0)).rejects.toThrow(/held/);
    await third.release();
  });

  it('goes with a process that ends on purpose', async () => {
    const source = new URL('../../src/util/claim.ts', import.meta.url).href;
    const code = `import { claim } from ${JSON.stringify(source)}; await claim(${JSON.stringify(path)}, 'training'); process.exit(75);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code]);
    expect(await new Promise((done) => child.on('close', done))).toBe(75);
    expect(existsSync(path)).toBe(false);
  });
});

describe('the life of a process', () => {
  const here: ProcessIdentity = {
    ...thisProcess(), host: 'a', machine: 'm', boot: 'b', pidSpace: 'p', job: { id: '7', restarts: 1 },
  }; // prettier-ignore
  const dead = { ...here, pid: 2 ** 22 + 1 };
  it.each<[string, ProcessIdentity, string]>([
    ['this one', here, 'alive'],
    ['one that ended', dead, 'dead'],
    ['one of that id that started at another time', { ...here, started: '1' }, 'dead'],
    ['one before the machine started anew', { ...here, boot: 'c' }, 'dead'],
    ['one of a machine of the same name', { ...dead, machine: 'n' }, 'unknown'],
    ['one of a nameless machine that may have started anew', { ...dead, machine: '', boot: 'c' }, 'unknown'],
    ['one of another container', { ...dead, pidSpace: 'q' }, 'unknown'],
    ['one of another host', { ...dead, host: 'z' }, 'unknown'],
    [
      'one of the same job before it was put back',
      { ...here, host: 'z', job: { id: '7', restarts: 0 } },
      'dead',
    ],
    ['one of the same job beside this one', { ...here, host: 'z' }, 'unknown'],
  ])('%s', (_, other, life) => {
    expect(lifeOf(other, here)).toBe(life);
  });

  it('ends when it has become a zombie', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    const { pid } = child;
    expect(startOf(pid!)).toBeTruthy();
    await new Promise((done) => child.on('close', done));
    expect(startOf(pid!)).toBeUndefined();
  });
});
