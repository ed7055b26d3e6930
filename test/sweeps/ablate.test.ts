import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ablate, ablateOnly, planSweep, tabulate, type AblateRequest } from '../../src/sweeps/ablate.ts';
import { Stopper } from '../../src/sweeps/process.ts';
import { claim } from '../../src/util/claim.ts';
import { sealedKind, writeSealed } from '../../src/util/sealed.ts';
import { evaluationFolder, trainCommand } from '../../src/sweeps/execute.ts';
import { expandSweep, type SweepRuns } from '../../src/sweeps/runs.ts';
import { stateOf } from '../../src/sweeps/state.ts';
import { parseSweep } from '../../src/sweeps/sweep.ts';
import { targetOf } from '../../src/training/planning/fit.ts';

/** Two points with two seeds; the training is test/sweeps/fake-train.mjs. */
const SWEEP = `
recipe: ${new URL('./quickstart.yaml', import.meta.url).pathname}
axis: kernel
seeds: [0, 1]
paper: Someone 2020
points:
  - { label: 3, set: { model.kernels: 3 }, paper: 59.5 }
  - { label: 7, set: { model.kernels: [13, 7] } }
`;
const FAKE = fileURLToPath(new URL('fake-train.mjs', import.meta.url));

interface Behaviour {
  top1?: number;
  exit?: number;
  evaluateExit?: number;
  hang?: boolean;
  damaged?: boolean;
}

let folder: string;
let runs: SweepRuns;
let behaviour: Record<string, Behaviour>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-'));
  runs = await expandSweep(parseSweep(SWEEP, join(folder, 'mine.yaml')), join(folder, 'out'), []);
  behaviour = {
    '3-seed0': { top1: 0.6 },
    '3-seed1': { top1: 0.62 },
    '7-seed0': { top1: 0.7 },
    '7-seed1': { top1: 0.72 },
  };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function request(over: Partial<AblateRequest> = {}): Promise<AblateRequest> {
  const entries = runs.runs.map(({ id, hash }) => [id, { hash, ...behaviour[id] }] as const);
  await writeFile(join(folder, 'behaviour.json'), JSON.stringify(Object.fromEntries(entries)));
  return {
    runs,
    execution: {
      program: [process.execPath, FAKE, join(folder, 'behaviour.json')],
      adapter: 'auto',
      memoryGib: undefined,
      benchmarkData: undefined,
      hasBenchmarks: false,
      environment: process.env,
    },
    launcher: { kind: 'local' },
    jobs: 2,
    target: targetOf(undefined),
    style: 'quiet',
    ...over,
  };
}

const started = async () => (await readFile(join(folder, 'started'), 'utf8')).trim().split('\n').sort();
const kinds = async () => Promise.all(runs.runs.map(async (run) => (await stateOf(run)).kind));
const text = (name: string) => readFile(join(folder, 'out', name), 'utf8');

describe('a sweep', () => {
  it('leaves a run with a damaged checkpoint, which --resume goes on with, and goes on with the others', async () => {
    behaviour['3-seed1'] = { top1: 0.62, damaged: true };
    const [, run] = runs.runs;
    await mkdir(join(run!.folder.checkpoints, 'step-00000001'), { recursive: true });
    const first = await request();
    await ablate(first, new Stopper());
    expect(await kinds()).toEqual(['finished', 'failed', 'finished', 'finished']);
    expect(await text('table.md')).toMatch(/3-seed1: failed .* step 2 is damaged hint: Add --resume/);
    await ablate({ ...first, execution: { ...first.execution, resume: true } }, new Stopper());
    expect(await kinds()).toEqual(['finished', 'finished', 'finished', 'finished']);
    expect(await readFile(join(folder, 'resumed'), 'utf8')).toBe('3-seed1\n');
  });

  it('runs every point and seed, and makes the table', async () => {
    const { files } = await ablate(await request(), new Stopper());
    expect(await started()).toEqual(runs.runs.map(({ id }) => `train ${id}`));
    expect(files.map((file) => existsSync(file))).toEqual([true, true, true, true]);
    const table = await text('table.md');
    // t(1) = 12.706: ± 12.706 · 1.41421 / √2
    expect(table).toContain('| 3 | raw | 61.00 ± 12.71 | 2 | 59.5 | +1.50 |');
    expect(table).toContain('| 7 | raw | 71.00 ± 12.71 | 2 | – | – |');
    expect(table).toContain('| 3 | ema | 51.00 ± 12.71 | 2 | 59.5 | −8.50 |');
    expect(table).toContain('| 7 | raw, best epoch | 72.00 ± 12.71 | 2 | – | – |');
    expect(table).toMatch(
      /raw: The means span 10\.00 points \(7 highest, 3 lowest\), 7\.1 times the standard deviation between seeds of one point, 1\.41 \(pooled/,
    );
    expect(table).toContain('| 7 | 13-7 | 13-7 | 1.30 | 1.55 |');
    // Step 1 compiles and does not count: 64 images at 128 images/s.
    expect(table).toMatch(/\| 0\.500 \|\n/);
    expect((await text('table.csv')).split('\r\n')[1]).toContain('3,val,top1,fashion-mnist,raw,2,61');
    const json = JSON.parse(await text('table.json')) as {
      unfinished: number;
      metrics: { rows: { point: string; weights: string; values: number[]; seeds: number[] }[] }[];
    };
    expect(json.unfinished).toBe(0);
    expect(json.metrics[0]!.rows[0]).toMatchObject({
      point: '3',
      weights: 'raw',
      values: [60, 62],
      seeds: [0, 1],
    });
    const plot = await text('plot.svg');
    expect(plot.match(/class="fill/g)).toHaveLength(5); // raw and ema of both points, one published value
    expect(plot.match(/class="whisker/g)).toHaveLength(4);
  });

  it('names runs with a file that is damaged or of another version, and makes the table of the others', async () => {
    const first = await request();
    await ablate(first, new Stopper());
    const [a, b, c] = runs.runs.map(({ folder: { environment, summary } }) => ({ environment, summary }));
    const change = async (path: string, from: string | RegExp, to: string) => {
      const before = await readFile(path, 'utf8');
      expect(before).toMatch(from);
      await writeFile(path, before.replace(from, to));
    };
    await change(a!.environment, /"recipeHash": "./, '"recipeHash": "!');
    const older = sealedKind('run summary', 0, 'Delete it.');
    await writeSealed(b!.summary, older, { outcome: 'finished' });
    await writeFile(c!.summary, '');
    const files = await tabulate(runs, await planSweep(runs, targetOf(undefined)));
    expect(files).toHaveLength(4);
    const table = await text('table.md');
    expect(table).toMatch(/- 3-seed0: failed in train: \S*environment\.json .*damaged or changed/);
    expect(table).toMatch(/- 3-seed1: failed in train: \S*summary\.json .*version/);
    expect(table).toMatch(/- 7-seed0: failed in train: \S*summary\.json .*it is empty/);
    expect(table).toContain('| 7 | raw | 72.00 | 1 |');
    expect(table).not.toContain('| 3 | raw |');
    expect(await kinds()).toEqual(['failed', 'failed', 'failed', 'finished']);
  });

  it('records a run that fails, goes on with the others, and tries it again next time', async () => {
    behaviour['3-seed1'] = { exit: 7 };
    const { outcomes } = await ablate(await request({ jobs: 1 }), new Stopper());
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual([
      'finished',
      'failed',
      'finished',
      'finished',
    ]);
    expect(outcomes.get('3-seed1')).toMatchObject({ failure: { stage: 'train', exitCode: 7 } });
    const table = await text('table.md');
    expect(table).toContain('- 3-seed1: failed in train (exit 7): error: the loss is not finite hint:');
    expect(table).toContain('| 3 | raw | 60.00 | 1 |');

    behaviour['3-seed1'] = { top1: 0.62 };
    await ablate(await request(), new Stopper());
    expect((await started()).filter((line) => line === 'train 3-seed1')).toHaveLength(2);
    expect(await started()).toHaveLength(5); // nothing that was finished ran again
    expect(await kinds()).toEqual(['finished', 'finished', 'finished', 'finished']);
    expect(await text('table.md')).not.toContain('Runs without a result');
  });

  it('asked to stop, lets the runs save, starts no more, and goes on later', async () => {
    behaviour['3-seed0'] = { hang: true };
    const stopper = new Stopper();
    const going = ablate(await request({ jobs: 1 }), stopper);
    await until(() => existsSync(join(folder, 'out', '3-seed0', 'metrics.jsonl')));
    expect((await stateOf(runs.runs[0]!)).kind).toBe('running');
    stopper.stop();
    const { outcomes } = await going;
    expect(outcomes).toEqual(new Map([['3-seed0', { kind: 'interrupted' }]]));
    expect(await kinds()).toEqual(['part', 'new', 'new', 'new']);
    behaviour['3-seed0'] = { top1: 0.6 };
    await ablate(await request(), new Stopper());
    expect(await kinds()).toEqual(['finished', 'finished', 'finished', 'finished']);
  });

  it('leaves a run to the process that trains it, and says so', async () => {
    const held = await claim(runs.runs[0]!.folder.claim, 'training');
    const { outcomes, notes } = await ablate(await request(), new Stopper());
    expect(outcomes.get('3-seed0')).toMatchObject({ kind: 'elsewhere', holder: { pid: process.pid } });
    expect(notes.join('\n')).toContain(`left to other processes: 3-seed0 (process ${process.pid})`);
    expect(await text('table.md')).toContain(`- 3-seed0: held by process ${process.pid} on`);
    expect(await started()).toHaveLength(3);
    await held.release();
  });

  it('shares its folder with another: no run is done twice', async () => {
    const asked = await request({ jobs: 2 });
    const both = await Promise.all([ablate(asked, new Stopper()), ablate(asked, new Stopper())]);
    expect(await started()).toEqual(runs.runs.map(({ id }) => `train ${id}`));
    for (const { id } of runs.runs) {
      const ends = both.map(({ outcomes }) => outcomes.get(id)?.kind);
      expect(ends).toContain('finished');
      expect(ends.every((kind) => kind === 'finished' || kind === 'elsewhere')).toBe(true);
    }
    expect(await kinds()).toEqual(['finished', 'finished', 'finished', 'finished']);
    expect(await text('table.md')).not.toContain('Runs without a result');
  });

  it('tells its runs that they end with it', async () => {
    behaviour['3-seed0'] = { exit: 3 };
    const asked = await request({ jobs: 1 });
    const environment = { ...process.env, LARGEKERNEL_PARENT: '4711' };
    await ablate({ ...asked, execution: { ...asked.execution, environment } }, new Stopper());
    expect(await readFile(join(folder, 'parents'), 'utf8')).toContain('3-seed0 4711\n');
  });

  it('refuses a folder whose run is of another recipe', async () => {
    await ablate(await request(), new Stopper());
    const changed = SWEEP.replace('seeds', 'set: { batch: 32 }\nseeds');
    runs = await expandSweep(parseSweep(changed, join(folder, 'mine.yaml')), join(folder, 'out'), []);
    await expect(ablate(await request(), new Stopper())).rejects.toThrow(
      /3-seed0 holds a run of another recipe/,
    );
  });
});

describe('benchmarks of a sweep', () => {
  const TABLE7 = `
recipe: ${new URL('./quickstart.yaml', import.meta.url).pathname}
axis: kernel
paper: Chen et al., ICML 2024, Table 7
evaluations: [val, a]
set: { ema: 0.9 }
points: [{ label: 31, set: { model.kernels: 13 }, paper: ConvNeXt-31 }]
`;
  const prepare = async (hasBenchmarks: boolean) => {
    runs = await expandSweep(parseSweep(TABLE7, join(folder, 'mine.yaml')), join(folder, 'out'), []);
    behaviour = { '31-seed0': { top1: 0.8 } };
    const base = await request();
    return { ...base, execution: { ...base.execution, hasBenchmarks } };
  };

  it('are measured with both weights, and compared with the table of the paper under its protocol', async () => {
    await ablate(await prepare(true), new Stopper());
    expect(await started()).toEqual([
      'evaluate 31-seed0 ema a --ema',
      'evaluate 31-seed0 raw a',
      'train 31-seed0',
    ]);
    const table = await text('table.md');
    expect(table).toMatch(/## a: top-1 \(full1000\)[^#]*\| 31 \| raw \| 10\.50 \| 1 \| 10\.2 \| \+0\.30 \|/);
    expect(table).toMatch(/## a: top-1 \(masked200, first 10\)[^#]*\| 31 \| ema \| 12\.00 \| 1 \|\n/);
    // A part of the images is another protocol, with no published number beside.
    expect(table).toMatch(/## a: top-1 \(full1000, first 10\)[^#]*\| 31 \| ema \| 10\.50 \| 1 \|\n/);
    await ablate(await prepare(true), new Stopper());
    expect(await started()).toHaveLength(3);
  });

  it('that are damaged are named, enter no table, and are measured anew once deleted', async () => {
    await ablate(await prepare(true), new Stopper());
    const path = join(evaluationFolder(runs.runs[0]!, 'raw'), 'a', 'result.json');
    const before = await readFile(path, 'utf8');
    await writeFile(path, before.replace(/"value": ?10\.5\b/, '"value":11.5'));
    expect(await readFile(path, 'utf8')).not.toBe(before);
    await ablate(await prepare(true), new Stopper());
    const table = await text('table.md');
    expect(table).toMatch(/- 31-seed0: failed in evaluate: \S*result\.json .*damaged or changed/);
    expect(table).not.toMatch(/1[01]\.50/);
    expect(await started()).toHaveLength(3);
    await rm(path);
    await ablate(await prepare(true), new Stopper());
    expect(await text('table.md')).toContain('| 31 | raw | 10.50 |');
    expect(await started()).toHaveLength(4);
  });

  it('are left to the process that evaluates them', async () => {
    const asked = await prepare(true);
    behaviour = { '31-seed0': { top1: 0.8, evaluateExit: 9 } };
    const { execution } = asked;
    const held = await claim(join(evaluationFolder(runs.runs[0]!, 'raw'), 'a', 'claim.json'), 'evaluating');
    const { outcomes } = await ablate({ ...(await request()), execution }, new Stopper());
    expect(outcomes.get('31-seed0')).toMatchObject({ kind: 'elsewhere', holder: { pid: process.pid } });
    expect(existsSync(join(runs.runs[0]!.folder.root, 'failure.json'))).toBe(false);
    await held.release();
  });

  it('are said to be missing where they cannot be measured', async () => {
    const { notes } = await ablate(await prepare(false), new Stopper());
    expect(notes).toEqual([expect.stringContaining('not measured: a')]);
    expect(await text('table.md')).toContain('Not measured: a.');
  });
});

describe('one run of a sweep', () => {
  it('runs alone, without a table', async () => {
    expect(await ablateOnly(await request(), '7-seed0', new Stopper())).toEqual({ kind: 'finished' });
    expect(await started()).toEqual(['train 7-seed0']);
    expect(existsSync(join(folder, 'out', 'table.md'))).toBe(false);
    const planned = await planSweep(runs, targetOf(undefined));
    expect(planned.map(({ state, steps }) => [state.kind, steps])).toEqual([
      ['new', 312],
      ['new', 312],
      ['finished', 312],
      ['new', 312],
    ]);
    await tabulate(runs, planned);
    expect(await text('table.md')).toContain('Without a result: 3.');
  });

  it('must be one of its runs', async () => {
    await expect(ablateOnly(await request(), '9-seed0', new Stopper())).rejects.toThrow(
      expect.objectContaining({ hint: expect.stringContaining('3-seed0, 3-seed1') as string }),
    );
  });
});

describe('a launcher command', () => {
  it('that waits gives the run’s own outcome', async () => {
    const program = JSON.stringify([process.execPath, FAKE, join(folder, 'behaviour.json')]);
    // Stands in for \`ablate … --only\`: the last word is the run.
    const script = join(folder, 'launch.mjs');
    await writeFile(
      script,
      `import { spawnSync } from 'node:child_process';
const id = process.argv.at(-1);
const [node, ...rest] = ${program};
spawnSync(node, [...rest, 'train', '--out', ${JSON.stringify(join(folder, 'out'))} + '/' + id], { stdio: 'inherit' });`,
    );
    const base = await request({ jobs: 1 });
    const execution = { ...base.execution, program: [process.execPath, script] };
    const launcher = { kind: 'command', template: `test {name} != mine-7-seed1 && {command}` } as const;
    const { outcomes } = await ablate({ ...base, execution, launcher }, new Stopper());
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual([
      'finished',
      'finished',
      'finished',
      'failed',
    ]);
    expect(outcomes.get('7-seed1')).toMatchObject({ failure: { stage: 'launch', exitCode: 1 } });
  });

  it('that hands the run to a queue leaves it submitted', async () => {
    const base = await request({ launcher: { kind: 'command', template: 'echo {command}' } });
    const { outcomes } = await ablate(base, new Stopper());
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(Array(4).fill('submitted'));
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 20));
}

it('a run of several processes is started by train --ranks', async () => {
  const { execution } = await request();
  const [run] = runs.runs;
  const words = (ranks?: number) => trainCommand('quickstart', run!, { ...execution, ranks }).join(' ');
  expect(words(4)).toContain(' --ranks 4 ');
  expect(words()).not.toContain('--ranks');
});
