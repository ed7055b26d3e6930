/**
 * Single flipped bits in every file of a run's folder. What a command reads of the folder is taken with the flip and without: either
 * the flip is said, by an error or a note, or everything that was read is the same.
 */
import { createHash } from 'node:crypto';
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Recipe } from '../../src/recipe/schema.ts';
import { loadRecipe } from '../../src/recipe/load.ts';
import { recipeHash } from '../../src/recipe/resolved.ts';
import { datasetPart } from '../../src/robustness/benchmarks/images/parts.ts';
import { findBenchmark } from '../../src/robustness/benchmarks/records.ts';
import { evaluateBenchmark } from '../../src/robustness/benchmarks/evaluation/evaluate.ts';
import { RESULT, type BenchmarkResult } from '../../src/robustness/benchmarks/evaluation/result.ts';
import { EVALUATION_LOG, EVALUATION_LOG_NAME } from '../../src/robustness/benchmarks/evaluation/store.ts';
import { readCheckpointFile } from '../../src/training/run/checkpoints.ts';
import { chooseFolder } from '../../src/training/run/choose-folder.ts';
import { resolveWeights } from '../../src/training/evaluation/evaluate-weights.ts';
import type { OpenedDevice } from '../../src/training/start.ts';
import { fitPlan, targetOf } from '../../src/training/planning/fit.ts';
import { loadWeights } from '../../src/training/weights/initial-weights.ts';
import { MetricsLog, readMetrics } from '../../src/training/log/metrics-log.ts';
import { modelOfRecipe } from '../../src/training/weights/recipe-model.ts';
import { readIdentity, readSummary, runFolder } from '../../src/training/run/run-folder.ts';
import { plansOf, recordedPlan, type RecordedPlan } from '../../src/training/planning/tuned-plan.ts';
import { problemsOf } from '../../src/tuning/problem.ts';
import { FrameworkError, messageOf } from '../../src/util/errors.ts';
import { Rng } from '../../src/util/rng.ts';
import { readSealed } from '../../src/util/sealed.ts';
import { LinearClassifier, pictureDataset } from '../robustness/benchmarks/world.ts';
import { runTiny, tinyRecipe, traces } from '../training/tiny.ts';

/** A run to flip bits in. */
export interface World {
  readonly opened: OpenedDevice;
  readonly folder: string;
  readonly recipe: Recipe;
  /** What is planned of a run by its record. */
  readonly planOf: (record: RecordedPlan) => unknown;
  readonly whole: Awaited<ReturnType<typeof traces>>;
  /** Of both runs: path → bytes. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What is read of each run as it is. */
  readonly readings: ReadonlyMap<string, string>;
}

export async function makeWorld(opened: OpenedDevice, folder: string): Promise<World> {
  const run = (name: string, changes: { maxSteps?: number } = {}) =>
    runTiny('auto', join(folder, name), changes, undefined, opened);
  await run('finished');
  await run('unfinished', { maxSteps: 4 });
  await evaluate(join(folder, 'finished'));
  const { recipe } = await loadRecipe(tinyRecipe(folder));
  const { device } = opened;
  const model = modelOfRecipe(recipe, 10);
  const planOf = ({ micro, choose }: RecordedPlan) => {
    const plan = fitPlan(recipe, model, { ...targetOf(device), choose }, micro);
    return [plan.micro, problemsOf(plansOf(plan), device.profile).map(({ planned }) => planned)];
  };
  const files = new Map<string, Buffer>();
  for (const name of ['finished', 'unfinished'])
    for (const entry of await readdir(join(folder, name), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files.set(path, await readFile(path));
    }
  const whole = await traces(join(folder, 'finished'));
  const world = { opened, folder, recipe, planOf, whole, files, readings: new Map<string, string>() };
  for (const run of ['finished', 'unfinished'] as const)
    world.readings.set(run, (await reading(world, run, false)).digest);
  return world;
}

const PICTURES = pictureDataset(6, 2);
const LINEAR = new LinearClassifier(2);

/** An evaluation in three units inside a run's folder; one that is there goes on, which reads all of them. */
function evaluate(run: string): Promise<BenchmarkResult> {
  return evaluateBenchmark({
    benchmark: findBenchmark('val'),
    classifier: LINEAR,
    parts: [datasetPart(PICTURES, 'all')],
    origin: 'pictures',
    isRelease: false,
    folder: join(run, EVALUATION),
    batchSize: 2,
    imagesPerUnit: 2,
    maker: { version: '0', adapter: 'none' },
  });
}

const EVALUATION = join('robustness', 'val');

interface Reading {
  /** Of everything that was read. */
  readonly digest: string;
  readonly said: readonly string[];
}

async function reading(world: World, run: 'finished' | 'unfinished', resume: boolean): Promise<Reading> {
  const said: string[] = [];
  const hash = createHash('sha256');
  const note = (line: string) => said.push(line);
  const root = join(world.folder, run);
  if (run === 'finished') await readFinished(root, hash, note);
  else await readUnfinished(world, root, resume, hash, note);
  return { digest: hash.digest('hex'), said };
}

type Hasher = ReturnType<typeof createHash>;

/** As `evaluate`, `ablate` and `report` read a run, and as its evaluation goes on. */
async function readFinished(root: string, hash: Hasher, note: (line: string) => void): Promise<void> {
  for (const weights of ['raw', 'ema'] as const) {
    const request = { checkpoint: root, model: undefined, overrides: [], weights, use: 'evaluate' as const };
    const { model, file: _file, ...rest } = await resolveWeights(request);
    hash.update(JSON.stringify([model.name, model.config, rest]));
    for (const [name, data] of (await loadWeights(root, model, { weights })).values)
      hash.update(name).update(data);
  }
  const folder = runFolder(root);
  const read = [
    await readIdentity(folder),
    await readSummary(folder),
    await readMetrics(folder.metrics, note),
  ];
  hash.update(JSON.stringify(read));
  const evaluation = join(root, EVALUATION);
  hash.update(JSON.stringify(await readSealed(join(evaluation, 'result.json'), RESULT)));
  hash.update(JSON.stringify(await readSealed(join(evaluation, EVALUATION_LOG_NAME), EVALUATION_LOG)));
  hash.update(JSON.stringify(await evaluate(root)));
}

/** As `train` reads a run that it goes on with. */
async function readUnfinished(
  { recipe, planOf }: World,
  root: string,
  resume: boolean,
  hash: Hasher,
  note: (line: string) => void,
): Promise<void> {
  const request = { out: root, resume, maxSteps: undefined };
  const chosen = await chooseFolder(request, recipe, recipeHash(recipe), note);
  try {
    chosen.damaged.forEach(({ error }) => {
      note(error.message);
    });
    if (chosen.resume === undefined) throw new Error(`${root} would begin anew`);
    hash.update(JSON.stringify(chosen.resume.info));
    for (const name of Object.keys(chosen.resume.info.files))
      for (const [tensor, data] of await readCheckpointFile(chosen.resume, name))
        hash.update(tensor).update(data);
    hash.update(JSON.stringify(planOf(await recordedPlan(chosen.folder.tuning, note))));
    const log = await MetricsLog.open(chosen.folder.metrics, chosen.resume.info.step, note);
    await log.close();
    hash.update(JSON.stringify(log.kept));
  } finally {
    await chosen.claim.release();
  }
}

export type Outcome = 'refused' | 'said' | 'same';

/**
 * Flips one bit of one file, and reads the run. @param whole also train it to its end, where it is unfinished
 * @throws where the flip changes what is read without a word, or makes an internal error
 */
export async function flipOne(world: World, index: number, whole: boolean): Promise<[string, Outcome]> {
  const rng = new Rng(0, 'flips', index);
  const paths = [...world.files.keys()].sort();
  const path = paths[index % paths.length] as string;
  const name = relative(world.folder, path);
  const bytes = Buffer.from(world.files.get(path) as Buffer);
  if (bytes.length === 0) return [name, 'same'];
  const bit = rng.int(bytes.length * 8);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  await writeFile(path, bytes);
  const run = name.startsWith('finished') ? 'finished' : 'unfinished';
  const resume = rng.chance(0.5);
  try {
    if (whole && run === 'unfinished') await trainOn(world, index, resume);
    const { digest, said } = await reading(world, run, resume);
    if (said.length > 0) return [name, 'said'];
    if (digest !== world.readings.get(run)) throw new Error('something else was read, and nothing said');
    return [name, 'same'];
  } catch (error) {
    if (error instanceof FrameworkError && !error.code.startsWith('internal/')) return [name, 'refused'];
    throw new Error(`flip ${index}: bit ${bit} of ${name}: ${messageOf(error)}`, { cause: error });
  } finally {
    await restore(world, run, path);
  }
}

/** A copy of the run, trained to its end: refused, or with the bits and the log it would have had. */
async function trainOn(world: World, index: number, resume: boolean): Promise<void> {
  const copy = join(world.folder, `copy-${index}`);
  await cp(join(world.folder, 'unfinished'), copy, { recursive: true });
  try {
    await runTiny('auto', copy, { resume }, undefined, world.opened);
  } catch (error) {
    if (!(error instanceof FrameworkError)) throw error;
    return;
  }
  const { files, metrics } = await traces(copy);
  if (JSON.stringify(files) !== JSON.stringify(world.whole.files))
    throw new Error('it ends with other weights');
  if (JSON.stringify(metrics) !== JSON.stringify(world.whole.metrics) && !(await hasDamagedLog(copy)))
    throw new Error('it ends with another log');
  await rm(copy, { recursive: true });
}

async function hasDamagedLog(run: string): Promise<boolean> {
  return (await readdir(run)).includes('metrics.damaged.jsonl');
}

/** Reading a run that goes on writes its log anew. */
async function restore(world: World, run: string, path: string): Promise<void> {
  await writeFile(path, world.files.get(path) as Buffer);
  const metrics = join(world.folder, run, 'metrics.jsonl');
  await writeFile(metrics, world.files.get(metrics) as Buffer);
  await rm(join(world.folder, run, 'metrics.damaged.jsonl'), { force: true });
}
