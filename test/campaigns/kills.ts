/**
 * Runs that are killed at random moments and gone on with, until they have ended: the last weights and the log must be those of a run
 * that was never stopped. The commands are those of the built package, which start faster than a checkout's.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { Rng } from '../../src/util/rng.ts';
import { RECIPE, traces } from '../training/tiny.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The package as it is installed: compiled, without sources. Linux, for the sake of /proc. @returns its command */
export function buildPackage(folder: string): string {
  mkdirSync(folder);
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [
    '-p',
    ROOT + 'tsconfig.build.json',
    '--outDir',
    join(folder, 'lib'),
  ]);
  cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  for (const name of ['shaders', 'wasm', 'web', 'recipes', 'checkpoints', 'data', 'node_modules'])
    if (existsSync(join(ROOT, name))) symlinkSync(join(ROOT, name), join(folder, name));
  return join(folder, 'bin/largekernel.cjs');
}

const CONVNEXT =
  'name: convnext-custom, depths: [1], dims: [8], stemStride: 7, dropPath: 0.2, layerScaleInit: 0.1';

/** What is trained: the model in place of the tiny recipe's, and other values, by configuration. */
export const CONFIGURATIONS: Readonly<Record<string, { model: string; set: readonly string[] }>> = {
  f16: { model: `${CONVNEXT}, kernels: [5]`, set: ['precision=f16'] },
  'EMA with mixing': {
    model: `${CONVNEXT}, kernels: [5]`,
    set: ['ema=0.9', 'augment.mixup=0.8', 'augment.cutmix=1.0'],
  },
  recompute: { model: `${CONVNEXT}, kernels: [5]`, set: ['recompute=blocks'] },
  SLaK: { model: `${CONVNEXT}, variant: slak, smallKernel: 3, decomposed: true, kernels: [9]`, set: [] },
  'RepLKNet with SGD': {
    model: 'name: replknet-31b, depths: [1], dims: [8], kernels: [7], smallKernel: 3, dropPath: 0.2',
    set: ['optimizer.name=sgd', 'optimizer.lr=0.05'],
  },
  sweep: { model: `${CONVNEXT}, kernels: [5]`, set: [] },
};

/** The tiny recipe with another model. */
function recipeOf(model: string): string {
  return RECIPE.replace(/^model:.*$/m, `model: { ${model} }`);
}

export interface Killed {
  readonly kills: number;
  /** Runs that came to their end and were compared. */
  readonly runs: number;
  /** Kills before the first checkpoint, between two, and after the last one. */
  readonly moments: { before: number; between: number; after: number };
}

/** @throws Error at the first difference, or where a command fails other than by its kill */
export async function killCampaign(
  command: string,
  folder: string,
  name: string,
  kills: number,
  adapter: string,
): Promise<Killed> {
  mkdirSync(folder, { recursive: true });
  const { model, set } = CONFIGURATIONS[name] as (typeof CONFIGURATIONS)[string];
  writeFileSync(join(folder, 'tiny.yaml'), recipeOf(model));
  const job = name === 'sweep' ? sweepJob(folder, adapter) : trainJob(folder, adapter, set);
  const rng = new Rng(0, `kills ${name}`);
  const moments = { before: 0, between: 0, after: 0 };
  const reference = join(folder, 'whole');
  const begun = performance.now();
  const whole = await execute(command, job.argv(reference), Infinity, true);
  let duration = performance.now() - begun;
  if (whole.code !== 0)
    throw new Error(`${name}: the run without a kill ended with ${whole.code}: ${whole.errors}`);
  const wanted = await tracesOf(job.runs(reference));
  let [done, runs, attempts] = [0, 0, 0];
  while (done < kills || attempts > 0) {
    const out = join(folder, `run-${runs}`);
    // A slow machine must not keep a run from its end for ever.
    const isFree = done >= kills || attempts % 15 === 14;
    const after = isFree ? Infinity : rng.between(0.15, 1.1) * duration;
    const started = performance.now();
    const { code, errors } = await execute(command, job.argv(out), after, rng.chance(0.7));
    attempts++;
    const moment = momentOf(job.runs(out));
    if (code === null) {
      done++;
      moments[moment]++;
      // A run that was killed after its end has nothing to go on with.
      if (moment !== 'after' || name === 'sweep') continue;
    } else if (code !== 0) {
      throw new Error(`${name}, run ${runs} after ${attempts} starts: exit code ${code}: ${errors}`);
    }
    // Other work on the machine makes runs shorter or longer as time goes by.
    duration = (duration + performance.now() - started) / 2;
    const found = await tracesOf(job.runs(out));
    if (!isDeepStrictEqual(found, wanted))
      throw new Error(`${name}, run ${runs}: weights or log differ from ${reference} in ${out}`);
    await rm(out, { recursive: true });
    runs++;
    attempts = 0;
  }
  return { kills: done, runs, moments };
}

interface Job {
  readonly argv: (out: string) => string[];
  /** Run folders of an output. */
  readonly runs: (out: string) => string[];
}

function trainJob(folder: string, adapter: string, overrides: readonly string[]): Job {
  const recipe = join(folder, 'tiny.yaml');
  const sets = ['schedule.epochs=4', ...overrides].flatMap((text) => ['--set', text]);
  return {
    argv: (out) => ['train', '--recipe', recipe, '--out', out, '--adapter', adapter, '--quiet', ...sets],
    runs: (out) => [out],
  };
}

function sweepJob(folder: string, adapter: string): Job {
  const sweep = join(folder, 'kernels.yaml');
  const points = [3, 5].map((size) => `  - { label: ${size}, set: { model.kernels: [${size}] } }\n`).join('');
  writeFileSync(sweep, `recipe: tiny.yaml\naxis: kernel\nseeds: [0]\npoints:\n${points}`);
  return {
    argv: (out) => ['ablate', sweep, '--out', out, '--adapter', adapter, '--quiet'],
    runs: (out) => [3, 5].map((size) => join(out, `${size}-seed0`)),
  };
}

/** What is compared of each run; timings are no part of it. */
async function tracesOf(runs: readonly string[]): Promise<unknown[]> {
  return Promise.all(runs.map(async (run) => [await traces(run), summaryOf(run)]));
}

function summaryOf(run: string): unknown {
  const { step, steps, outcome, best, evaluations } = JSON.parse(
    readFileSync(join(run, 'summary.json'), 'utf8'),
  ) as Record<string, unknown>;
  return { step, steps, outcome, best, evaluations };
}

function momentOf(runs: readonly string[]): keyof Killed['moments'] {
  if (runs.every((run) => existsSync(join(run, 'summary.json')))) return 'after';
  const isSaved = (run: string) => {
    const folder = join(run, 'checkpoints');
    return existsSync(folder) && readdirSync(folder).some((entry) => entry.startsWith('step-'));
  };
  return runs.some(isSaved) ? 'between' : 'before';
}

/**
 * Runs the command and kills it after some time.
 * @param all whether the processes it has started are killed with it; otherwise they are given time to see that it is gone
 * @returns code null where it was killed
 */
async function execute(
  command: string,
  argv: readonly string[],
  killAfterMs: number,
  all: boolean,
): Promise<{ code: number | null; errors: string }> {
  const child = spawn(process.execPath, [command, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
  const ended = new Promise<number | null>((resolve) =>
    child.on('close', (code) => {
      resolve(code);
    }),
  );
  if (killAfterMs === Infinity) return { code: await ended, errors };
  const timer = new AbortController();
  await Promise.race([ended, sleep(killAfterMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
  const family = child.exitCode === null && child.pid !== undefined ? descendants(child.pid) : [];
  child.kill('SIGKILL');
  if (all) for (const pid of family) kill(pid);
  const code = await ended;
  timer.abort();
  for (let waited = 0; family.some(isAlive); waited++) {
    if (waited > 600)
      throw new Error(`processes ${family.filter(isAlive).join(', ')} go on without their parent`);
    await sleep(100);
  }
  return { code, errors };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** Processes that a process has started, and those they have. */
function descendants(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  const own = existsSync(file) ? readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number) : [];
  return own.flatMap((child) => [child, ...descendants(child)]);
}
