/**
 * Mutated inputs over everything of a person's or of a run that is read as text: recipes, sweeps, results, and the files of a run's folder.
 * Each is read as its command reads it; it may be refused by a FrameworkError, or be read.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Device } from '../../src/device/device.ts';
import { cachedIndex } from '../../src/data/readers/index-cache.ts';
import { loadRecipe, RECIPES } from '../../src/recipe/load.ts';
import { recipeHash } from '../../src/recipe/resolved.ts';
import { reportHtml } from '../../src/report/html.ts';
import { readModels } from '../../src/report/read-results.ts';
import { resultsCsv, resultsMarkdown, severityMarkdown } from '../../src/report/tables.ts';
import { RESULT, type BenchmarkResult } from '../../src/robustness/benchmarks/evaluation/result.ts';
import { expandSweep } from '../../src/sweeps/runs.ts';
import { loadSweep } from '../../src/sweeps/sweep.ts';
import { latestCheckpoint, saveCheckpoint } from '../../src/training/run/checkpoints.ts';
import { MetricsLog, readMetrics } from '../../src/training/log/metrics-log.ts';
import {
  checkRunRecipe,
  prepareRunFolder,
  readIdentity,
  readSummary,
  runFolder,
  writeSummary,
} from '../../src/training/run/run-folder.ts';
import { recordedPlan } from '../../src/training/planning/tuned-plan.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { writeSealed } from '../../src/util/sealed.ts';
import { Rng } from '../../src/util/rng.ts';

/** One kind of input: a file of it, and how it is read. */
export interface Input {
  readonly kind: string;
  readonly file: string;
  readonly original: Buffer;
  readonly read: () => Promise<unknown>;
}

/** What a text is made of where it is wrong on purpose. */
const PIECES = [
  '[', ']', '{', '}', ':', ': ', '- ', '? ', '"', "'", '\n', '\n\n', '\t', ' ', '#', '&a ', '*a', '!!binary ', '<<: *a', '|\n', '>\n', '%YAML 9\n', '---\n', '...',
  'null', 'true', '.nan', '-.inf', '1e999', '-0', '0x7fffffffffffffff', '99999999999999999999', '-1', '0', '1e-400', '0.5', '[]', '{}', '[[[[[[[[', '{"a":{"a":{"a":',
  '__proto__', 'constructor', 'toString', 'extends: ', 'extends: [quickstart, quickstart]', 'model: ', 'name: ', 'points: ', 'seeds: ', 'set: ', '../', '/dev/null', '/', '\u0000', '\uFEFF', '\u2028',
  'é', '😀', '\ud800', '<script>', '=1+1', '|', '"seal"', '"sha256"', '"version":1', '{"seal":{}}', '"metrics":null', '"value":null', '"value":"x"', '"parts":[null]', '"protocol":{}', '"protocol":null',
]; // prettier-ignore

/** Uniform integer in [low, high). */
const between = (rng: Rng, low: number, high: number) => low + rng.int(high - low);

/** The original with one to four changes: bytes flipped, cut, doubled, moved, or pieces put in. */
export function mutate(original: Buffer, others: readonly Buffer[], rng: Rng): Buffer {
  let bytes = Buffer.from(original);
  for (let change = between(rng, 1, 5); change > 0; change--) {
    const at = between(rng, 0, bytes.length + 1);
    const end = Math.min(bytes.length, at + between(rng, 1, between(rng, 2, 200)));
    const piece = Buffer.from(PIECES[between(rng, 0, PIECES.length)] as string);
    const other = others[between(rng, 0, others.length)] as Buffer;
    const from = between(rng, 0, other.length + 1);
    const put = (middle: Buffer, after = at) =>
      Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(after)]);
    switch (between(rng, 0, 8)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << between(rng, 0, 8));
        break;
      case 1:
        bytes = put(Buffer.alloc(0), end);
        break;
      case 2:
        bytes = put(bytes.subarray(at, end));
        break;
      case 3:
        bytes = put(piece);
        break;
      case 4:
        bytes = put(piece, end);
        break;
      case 5:
        bytes = put(other.subarray(from, from + between(rng, 1, 100)));
        break;
      case 6:
        bytes = put(Buffer.concat(Array.from({ length: between(rng, 2, 3000) }, () => piece)));
        break;
      default:
        bytes = between(rng, 0, 8) === 0 ? bytes.subarray(0, at) : put(piece, end);
    }
  }
  return bytes;
}

/** Reads one mutation of one input. @throws anything but a FrameworkError */
export async function mutateOne(inputs: readonly Input[], index: number): Promise<'read' | 'refused'> {
  const rng = new Rng(0, 'mutations', index);
  const input = inputs[index % inputs.length] as Input;
  const changed = mutate(
    input.original,
    inputs.map(({ original }) => original),
    rng,
  );
  await writeFile(input.file, changed);
  try {
    await input.read();
    return 'read';
  } catch (error) {
    if (error instanceof FrameworkError && !error.code.startsWith('internal/')) return 'refused';
    throw new Error(`mutation ${index} of ${input.kind} (${input.file})`, { cause: error });
  } finally {
    await writeFile(input.file, input.original);
  }
}

const SAMPLE: BenchmarkResult = {
  benchmark: 'imagenet-a',
  name: 'ImageNet-A',
  model: 'convnext-t',
  modelFingerprint: 'f',
  classes: 1000,
  protocol: {
    dataOrigin: 'release', preprocessing: 'short side 256 bicubic, centre crop 224', normalization: 'mean 0 0 0, std 1 1 1',
    imageSize: 224, weights: 'raw', subset: 'all', parts: 'all', difficulty: 1, normaliser: 'none',
    classListSha256: 'a', fileListSha256: 'b',
  },
  complete: true,
  problems: [],
  items: { asked: 10, scored: 10, unreadable: 0 },
  absent: [],
  rows: [],
  metrics: [
    { id: 'top1', label: 'top-1', protocol: 'masked200', value: 24.2, low: 20, high: 30, unit: '%', better: 'higher' },
  ],
  parts: [],
  perClass: {},
  report: { figures: ['top1'] },
  isClean: false,
}; // prettier-ignore

/** All kinds of inputs, in a folder. */
export async function makeInputs(folder: string): Promise<Input[]> {
  const inputs: Input[] = [];
  const add = async (kind: string, file: string, read: () => Promise<unknown>) => {
    inputs.push({ kind, file, original: await readFile(file), read });
  };
  for (const name of ['quickstart', 'convnext-t-slak-k51', 'replknet-31b', 'cifar10-convnext-k13']) {
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, await readFile(join(RECIPES, `${name}.yaml`)));
    await add('recipe', file, () => loadRecipe(file));
  }
  for (const name of ['quick-kernels', 'cifar10-kernels']) {
    const file = join(folder, `${name}-sweep.yaml`);
    await writeFile(file, await readFile(join(RECIPES, 'sweeps', `${name}.yaml`)));
    await add('sweep', file, async () => expandSweep(await loadSweep(file), join(folder, 'sweep'), []));
  }
  const result = join(folder, 'result.json');
  await writeSealed(result, RESULT, SAMPLE);
  await add('result', result, async () => {
    const models = await readModels([result]);
    return [
      reportHtml({ title: 'x', models }),
      resultsMarkdown(models),
      severityMarkdown(models),
      resultsCsv(models),
    ];
  });
  await addRun(folder, add);
  return inputs;
}

async function addRun(
  folder: string,
  add: (kind: string, file: string, read: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const device = { kind: 'gpu', name: 'a', description: 'a card', vendor: 'v' } as unknown as Device;
  const run = runFolder(join(folder, 'run'));
  const { recipe, yaml } = await loadRecipe('quickstart');
  const hash = recipeHash(recipe);
  await prepareRunFolder(run, yaml, hash, device, false);
  await saveCheckpoint(run.checkpoints, { step: 3, batchesTracked: 3, best: null }, hash, new Map());
  const log = await MetricsLog.open(run.metrics, 0, () => undefined);
  for (const step of [1, 2, 3])
    await log.append([
      { kind: 'step', step, epoch: 0, lr: 0.1, loss: 1 / step, gradNorm: 1, imagesPerSecond: 10 },
    ]);
  await log.close();
  await writeSummary(run, {
    outcome: 'finished', step: 3, steps: 3, seconds: 1, imagesPerSecond: 1, best: null, evaluations: {}, bytes: 1, plannedBytes: 1,
  }); // prettier-ignore
  await add('environment', run.environment, () => readIdentity(run));
  await add('summary', run.summary, () => readSummary(run));
  await add('run recipe', run.recipe, async () => {
    await checkRunRecipe(run);
    return loadRecipe(run.recipe);
  });
  await add('log', run.metrics, () => readMetrics(run.metrics, () => undefined));
  await add('checkpoint', join(run.checkpoints, 'step-00000003', 'checkpoint.json'), () =>
    latestCheckpoint(run.checkpoints),
  );
  const cache = join(folder, 'index');
  const index = () => cachedIndex('test', [run.recipe], cache, [], () => Promise.resolve({ a: 1 }));
  await index();
  await add('index cache', join(cache, (await readdir(cache))[0] as string), index);
  await writeFile(run.tuning, '');
  await add('kernel choices', run.tuning, () => recordedPlan(run.tuning, () => undefined));
}
