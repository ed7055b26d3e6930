import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shellQuote } from '../../src/sweeps/process.ts';
import {
  arrayScript,
  checkSbatchOptions,
  hasRunsInQueue,
  submitArray,
  type ArrayJob,
} from '../../src/sweeps/slurm.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slurm-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const job = (over: Partial<ArrayJob> = {}): ArrayJob => ({
  name: 'largekernel-mine',
  folder,
  cwd: folder,
  runs: ['3-seed0', '3-seed1', '7-seed0'],
  atOnce: 2,
  leadSeconds: 300,
  options: ['--gres=gpu:1'],
  command: ['/bin/echo', 'a b'],
  ...over,
});

describe('the array script', () => {
  it('asks Slurm for one task a run, a signal ahead of the limit, and requeueing', () => {
    const head = arrayScript(job())
      .split('\n')
      .filter((line) => line.startsWith('#SBATCH '));
    expect(head).toEqual([
      '#SBATCH --job-name=largekernel-mine',
      '#SBATCH --array=0-2%2',
      '#SBATCH --requeue',
      '#SBATCH --signal=B:USR1@300',
      '#SBATCH --open-mode=append',
      `#SBATCH --output=${folder}/%a.out`,
      '#SBATCH --gres=gpu:1',
    ]);
    expect(arrayScript(job({ atOnce: undefined }))).toContain('--array=0-2\n');
  });

  it('quotes a folder with spaces, and keeps sbatch from replacing what stands in it', () => {
    expect(arrayScript(job({ folder: '/data/my runs/100%a "x"' }))).toContain(
      '\n#SBATCH --output="/data/my runs/100%%a \\"x\\"/%a.out"\n',
    );
  });

  it.each([
    { folder: '/data/a\nrm -r ~\n' },
    { cwd: '/data/a\nb' },
    { command: ['/bin/echo', 'a\rb'] },
    { folder: '/data/a\\b' },
  ])('refuses %j: what follows a line’s end would be a command', (over) => {
    expect(() => arrayScript(job(over))).toThrow(/cannot stand in a script/);
  });

  it.skipIf(process.platform === 'win32')('runs in a folder with spaces', async () => {
    const cwd = join(folder, "it's a 'place'");
    await mkdir(cwd);
    const result = await runScript(arrayScript(job({ cwd, command: ['/bin/sh', '-c', 'pwd', 'x'] })), '1');
    expect(result.stdout).toContain(`${cwd}\n`);
  });

  it.skipIf(process.platform === 'win32')('gives task i the i-th run', async () => {
    expect(await runScript(arrayScript(job()), '1')).toMatchObject({ code: 0, requeued: '' });
    expect((await runScript(arrayScript(job()), '2')).stdout).toContain('a b --only 7-seed0');
  });

  it.skipIf(process.platform === 'win32').each([
    [75, '7_1\n'],
    [0, ''],
    [7, ''],
    [2, ''],
  ])('after exit code %i requeues %j', async (code, requeued) => {
    const command = ['/bin/sh', '-c', `exit ${code}`, 'x'];
    expect(await runScript(arrayScript(job({ command })), '1')).toMatchObject({ code, requeued });
  });

  it.skipIf(process.platform === 'win32')(
    'passes USR1 and TERM on, and waits for the run to save',
    async () => {
      const saver = `trap 'sleep 0.2; echo saved > "${folder}/saved"; exit 75' TERM; echo up > "${folder}/up"; while :; do sleep 0.05; done`;
      for (const signal of ['SIGUSR1', 'SIGTERM'] as const) {
        const result = await runScript(
          arrayScript(job({ command: ['/bin/sh', '-c', saver, 'x'] })),
          '0',
          signal,
        );
        expect(result).toMatchObject({ code: 75, requeued: '7_0\n' });
        expect(existsSync(join(folder, 'saved'))).toBe(true);
        for (const name of ['saved', 'up', 'requeued']) await rm(join(folder, name));
      }
    },
  );
});

/** Runs a script as Slurm would, with a scontrol that notes what it is asked to requeue. */
async function runScript(script: string, task: string, signal?: NodeJS.Signals) {
  await writeFile(
    join(folder, 'scontrol'),
    `#!/bin/sh\n[ "$1" = requeue ] && echo "$2" >> "${folder}/requeued"\n`,
  );
  await chmod(join(folder, 'scontrol'), 0o755);
  await writeFile(join(folder, 'array.sh'), script);
  const env = {
    ...process.env,
    PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    SLURM_ARRAY_TASK_ID: task,
    SLURM_ARRAY_JOB_ID: '7',
  };
  const child = spawn('bash', [join(folder, 'array.sh')], { env });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const code = new Promise<number | null>((done) => child.on('close', done));
  if (signal !== undefined) {
    while (!existsSync(join(folder, 'up'))) await new Promise((done) => setTimeout(done, 20));
    child.kill(signal);
  }
  const ended = await code;
  const requeued = await readFile(join(folder, 'requeued'), 'utf8').catch(() => '');
  return { code: ended, stdout, requeued };
}

describe('shell quoting', () => {
  it.skipIf(process.platform === 'win32')('survives a shell', () => {
    const words = ['a b', `it's`, '$HOME', '[31,29]', '"x"', 'x=1', '--set', ''];
    const printed = execFileSync('sh', ['-c', `for w in ${shellQuote(words)}; do echo "<$w>"; done`]);
    expect(printed.toString()).toBe(words.map((word) => `<${word}>\n`).join(''));
  });
});

describe('submission', () => {
  it('notices a sweep that is in the queue', () => {
    const queue = '12 largekernel-mine\n 12 largekernel-mine\n13 largekernel-mine-2\n';
    expect(hasRunsInQueue(queue, 'largekernel-mine')).toEqual(['12', '12']);
    expect(hasRunsInQueue('', 'largekernel-mine')).toEqual([]);
  });

  it.each([
    ['--array=0-3', /set by the sweep itself/],
    ['-J x', /set by the sweep itself/],
    ['gpu', /no option of sbatch/],
    ['--time=1\nrm -r x', /no option of sbatch/],
  ])('refuses the option %j', (option, message) => {
    expect(() => {
      checkSbatchOptions([option]);
    }).toThrow(message);
  });

  const answers = (() => {
    try {
      return execFileSync('sinfo', ['--noheader', '--format=%T'], { timeout: 2000, stdio: 'pipe' })
        .toString()
        .includes('idle');
    } catch {
      return false;
    }
  })();

  it('without Slurm says so', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      await expect(submitArray(job())).rejects.toThrow(
        expect.objectContaining({ code: 'cli/slurm', message: 'squeue is not installed here.' }),
      );
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('runs every task on the real scheduler', async (context) => {
    if (!answers) context.skip('no Slurm with an idle node here (scripts/slurm-one-node.sh sets one up)');
    const name = `largekernel-test-${process.pid}`;
    const command = ['/bin/sh', '-c', `echo "$2" > "${folder}/$2.done"`, 'x'];
    const { id } = await submitArray(job({ name, command, options: [], atOnce: undefined }));
    expect(id).toMatch(/^\d+$/);
    try {
      const files = ['3-seed0', '3-seed1', '7-seed0'].map((run) => join(folder, `${run}.done`));
      while (!files.every((file) => existsSync(file))) await new Promise((done) => setTimeout(done, 100));
      expect(await readFile(files[2]!, 'utf8')).toBe('7-seed0\n');
    } finally {
      await promisify(execFile)('scancel', [id]);
    }
  }, 20_000);
});
