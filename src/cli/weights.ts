import type { Command } from 'commander';
import { availableParallelism } from 'node:os';
import type { ClassInfo } from '../data/dataset.ts';
import { leftOut } from '../data/left-out.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { writeNpy } from '../formats/npy.ts';
import { InferenceSession } from '../models/inference.ts';
import { ModelWeights } from '../models/weights.ts';
import { EvaluationCounter, topClasses } from '../training/evaluation/evaluation.ts';
import {
  checkRequest,
  evaluationData,
  openImages,
  resolveWeights,
  type ResolvedWeights,
  type WeightsRequest,
} from '../training/evaluation/evaluate-weights.ts';
import { describeLabels, namesOf } from '../training/weights/model-classes.ts';
import { loadWeights } from '../training/weights/initial-weights.ts';
import { checkImages, listImages, predictFiles } from '../training/evaluation/predict.ts';
import { FrameworkError } from '../util/errors.ts';
import {
  asksForDetection,
  BENCHMARK_FLAGS,
  DETECTION_FLAGS,
  benchmarkOptions,
  evaluateBenchmarks,
  type BenchmarkOptions,
} from './benchmarks.ts';
import { onlyWhen, type Given } from './conflicts.ts';
import { ProgressLine } from './progress-line.ts';
import { untilInterrupted } from './interrupt.ts';
import { say, underWay } from './say.ts';
import { compilingReporter, makeReporter } from '../training/log/reporter.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { ADAPTERS, collect, integerUpTo, styleOf } from './train.ts';
import type { WeightsUse } from '../training/weights/settings.ts';
import { isRunFolder } from '../training/run/run-folder.ts';

export interface CheckpointOptions {
  readonly checkpoint: string;
  readonly model?: string;
  readonly set: readonly string[];
  readonly ema?: boolean;
  readonly entry?: string;
}

interface WeightsOptions extends CheckpointOptions {
  readonly adapter: string;
  readonly batch: number;
  readonly json?: boolean;
}

/** Options that say which weights and whose. */
export function checkpointOptions(command: Command): Command {
  onlyRun(command, ({ value }) => String(value('--checkpoint')));
  return command
    .requiredOption(
      '--checkpoint <run|file>',
      'a run folder, a file of weights (.safetensors, .pth, .npz), or published ones by name',
    )
    .option('--model <name>', 'the model a bare file belongs to, where its tensors do not tell')
    .option('--entry <name>', 'which set of weights of a file with several, for example model_ema')
    .option(
      '--set <key=value>',
      'change model, data or evaluation settings; may be given many times',
      collect,
      [],
    )
    .option('--ema', 'the averaged weights of a run');
}

/** `--ema` is a choice between the weights of a run, which knows its model; a file has only its own. */
export function onlyRun(command: Command, checkpoint: (given: Given) => string): void {
  onlyWhen(command, 'with a run folder', ['--ema'], (given) => isRunFolder(checkpoint(given)));
  const ofFiles = ['--model', '--entry'];
  onlyWhen(command, 'with a file of weights', ofFiles, (given) => !isRunFolder(checkpoint(given)));
}

/** What `checkpointOptions` said. */
export function weightsRequest(options: CheckpointOptions, use: WeightsUse): WeightsRequest {
  const { checkpoint, model, set: overrides, ema, entry } = options;
  return { checkpoint, model, overrides, use, weights: ema ? 'ema' : 'raw', entry };
}

function weightsOptions(command: Command): Command {
  return checkpointOptions(command)
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--batch <n>', 'images at once', integerUpTo(2 ** 16), 16)
    .option('--json', 'JSON on standard output');
}

/** `largekernel predict`: logits and top-5 classes of image files. */
export function addPredict(command: Command): void {
  weightsOptions(command)
    .requiredOption('--images <paths...>', 'image files, or folders of them')
    .option('--output <file>', 'write the logits as float32 .npy (images, classes)')
    .action(predict);
}

async function openWeights(
  options: WeightsOptions,
  request: WeightsRequest,
  use: (device: Device, weights: ResolvedWeights, session: InferenceSession) => Promise<void>,
) {
  const weights = await resolveWeights(request);
  const { values } = await underWay(
    `reading ${weights.file}`,
    () => loadWeights(weights.file, weights.model, { entry: weights.entry }),
    options.json,
  );
  weights.notes.forEach(say);
  const device = await openDevice(options.adapter);
  PipelineCache.of(device).onCompile = compilingReporter(makeReporter(styleOf(options)));
  try {
    if (!options.json)
      process.stderr.write(`adapter: ${device.description || device.name} (${device.kind})\n`);
    const shape = {
      batch: options.batch,
      channels: weights.model.config.channels,
      imageSize: weights.imageSize,
    };
    await use(
      device,
      weights,
      await InferenceSession.create(device, await ModelWeights.upload(device, weights.model, values), shape),
    );
  } finally {
    device.close();
  }
}

async function predict(
  options: WeightsOptions & { images: readonly string[]; output?: string },
): Promise<void> {
  const request = weightsRequest(options, 'predict');
  checkRequest(request);
  const files = await readableImages(options.images, options.json);
  await openWeights(
    { ...options, batch: Math.min(options.batch, files.length) },
    request,
    async (_device, weights, session) => {
      const logits = await predictFiles(session, weights, files);
      const { classes } = weights.model.config;
      if (options.output !== undefined) await writeNpy(options.output, logits, [files.length, classes]);
      const names = namesOf(weights.classes);
      if (weights.classes.assumed !== undefined && !options.json)
        process.stderr.write(`${weights.classes.assumed}\n`);
      const rows = files.map((file, i) => ({
        file,
        top5: top5(logits.subarray(i * classes, (i + 1) * classes), names),
      }));
      if (options.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
      else {
        for (const { file, top5: best } of rows) {
          process.stdout.write(`${file}\n`);
          for (const { id, name, probability } of best)
            process.stdout.write(
              `  ${(100 * probability).toFixed(2).padStart(6)} %  ${id === name ? id : `${id}  ${name}`}\n`,
            );
        }
      }
    },
  );
}

/** The images that paths name, each of them decoded once before anything long begins. */
export async function readableImages(paths: readonly string[], isQuiet?: boolean): Promise<string[]> {
  const files = await listImages(paths, say);
  let looked = 0;
  await underWay(
    () => `looking at ${looked} of ${files.length} images`,
    () => checkImages(files, (count) => (looked = count)),
    isQuiet,
  );
  return files;
}

function top5(row: Float32Array, names: readonly ClassInfo[]) {
  const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
  const total = row.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  return topClasses(row, 5).map((index) => ({
    index,
    id: names[index]?.id ?? String(index),
    name: names[index]?.name ?? '',
    probability: Math.exp((row[index] as number) - largest) / total,
  }));
}

/** `largekernel evaluate`: accuracy on labelled images, or the robustness benchmarks. */
export function addEvaluate(command: Command): void {
  weightsOptions(command)
    .option(
      '--data <folder>',
      'images in one folder per class, or in the format of --set data.dataset (default: the run’s own)',
    )
    .option('--split <name>', 'folder below --data')
    .option('--on-error <what>', 'what an unreadable image does: fail or skip', 'fail');
  benchmarkOptions(command).action(evaluate);
  onlyWhen(command, 'with --benchmarks', BENCHMARK_FLAGS, ({ has }) => has('--benchmarks'));
  onlyWhen(command, 'with ood among --benchmarks', DETECTION_FLAGS, ({ value }) =>
    asksForDetection(value('--benchmarks') as string | undefined),
  );
  onlyWhen(command, 'without --benchmarks', ['--on-error'], ({ has }) => !has('--benchmarks'));
}

interface EvaluateOptions extends WeightsOptions {
  readonly data?: string;
  readonly split?: string;
  readonly onError: string;
}

async function evaluate(options: EvaluateOptions | (EvaluateOptions & BenchmarkOptions)): Promise<void> {
  if ('benchmarks' in options)
    return openWeights(
      options,
      evaluationRequest(options, 'evaluate --benchmarks'),
      (device, weights, session) => {
        const adapter = `${device.description || device.name} (${device.kind})`;
        return evaluateBenchmarks(options, weights, session, adapter);
      },
    );
  if (options.onError !== 'fail' && options.onError !== 'skip') {
    throw new FrameworkError('cli/option', `--on-error takes fail or skip, got ${options.onError}.`);
  }
  const done: PartDone = { counter: undefined, total: 0 };
  await untilInterrupted(
    () => evaluateImages(options, options.onError as 'fail' | 'skip', done),
    () => partText(done),
  );
}

function evaluationRequest(options: EvaluateOptions, use: WeightsUse): WeightsRequest {
  const replaced = new Map<string, string>();
  if (options.data !== undefined) replaced.set('data.root', '--data');
  if (options.split !== undefined) replaced.set('data.valSplit', '--split');
  return { ...weightsRequest(options, use), replaced };
}

/** How far an evaluation has come, for those who stop it. */
interface PartDone {
  counter: EvaluationCounter | undefined;
  total: number;
}

/** The state of a stopped evaluation: accuracy on the images so far, which is not that of the whole set. */
export function partText({ counter, total }: PartDone): string {
  const part = counter?.result();
  if (part === undefined || part.count === 0) return 'no image was evaluated yet';
  return `only the first ${part.count} of ${total} images were evaluated: on them top-1 ${(100 * part.top1).toFixed(3)} %, top-5 ${(100 * part.top5).toFixed(3)} %, loss ${part.loss.toFixed(6)}`;
}

async function evaluateImages(
  options: EvaluateOptions,
  onError: 'fail' | 'skip',
  done: PartDone,
): Promise<void> {
  await openWeights(options, evaluationRequest(options, 'evaluate'), async (_device, weights, session) => {
    const loader = await openImages(weights, evaluationData(weights, options.data, options.split), {
      batch: options.batch,
      workers: Math.max(1, availableParallelism() - 1),
      onError,
      onFailure: ({ key, message }) => process.stderr.write(`left out: ${key}: ${message}\n`),
    });
    try {
      leftOut(loader.dataset.name, loader.dataset.notes).forEach(say);
      const labels = describeLabels(loader.dataset, weights.classes);
      labels.lines.forEach(say);
      const counter = new EvaluationCounter(weights.model.config.classes);
      Object.assign(done, { counter, total: loader.length });
      const line = new ProgressLine(options.json === true);
      let seen = 0;
      for await (const batch of loader.evaluate()) {
        counter.add(await session.logits(batch.x, batch.labels.length), batch.labels);
        seen += batch.labels.length;
        line.show('evaluating', { done: seen, before: 0, total: loader.length }, loader.failures.size);
      }
      line.clear();
      const result = { ...counter.result(), skipped: loader.failures.size };
      if (options.json)
        process.stdout.write(
          `${JSON.stringify({ checkpoint: options.checkpoint, model: weights.model.name, ...result, classes: labels.record })}\n`,
        );
      else {
        process.stdout.write(
          `top-1 ${(100 * result.top1).toFixed(3)} %  top-5 ${(100 * result.top5).toFixed(3)} %  loss ${result.loss.toFixed(6)}  images ${result.count}` +
            `${result.skipped > 0 ? `  left out ${result.skipped}` : ''}\n`,
        );
      }
      if (result.skipped > 0) process.exitCode = 3;
    } finally {
      await loader.close();
    }
  });
}
