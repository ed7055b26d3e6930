import type { Command } from 'commander';
import type { ClassInfo } from '../data/dataset.ts';
import type { Device } from '../device/device.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { writeNpy } from '../formats/npy.ts';
import { InferenceSession } from '../models/inference.ts';
import { ModelWeights } from '../models/weights.ts';
import { topClasses } from '../training/evaluation/evaluation.ts';
import {
  checkRequest,
  resolveWeights,
  type ResolvedWeights,
  type WeightsRequest,
} from '../training/evaluation/evaluate-weights.ts';
import { namesOf } from '../training/weights/model-classes.ts';
import { loadWeights } from '../training/weights/initial-weights.ts';
import { checkImages, listImages, predictFiles } from '../training/evaluation/predict.ts';
import { onlyWhen, type Given } from './conflicts.ts';
import { openShared } from './contexts.ts';
import { endingIn } from './files.ts';
import { say, underWay } from './say.ts';
import { compilingReporter, makeReporter } from '../training/log/reporter.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { ADAPTERS, collect, integerUpTo, styleOf } from './train.ts';
import type { WeightsUse } from '../training/weights/settings.ts';
import { sha256File } from '../robustness/classifier/session-classifier.ts';
import { isRunFolder } from '../training/run/run-folder.ts';

export interface CheckpointOptions {
  readonly checkpoint: string;
  readonly model?: string;
  readonly set: readonly string[];
  readonly ema?: boolean;
  readonly entry?: string;
}

export interface WeightsOptions extends CheckpointOptions {
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

export function weightsOptions(command: Command): Command {
  return checkpointOptions(command)
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--batch <n>', 'images at once', integerUpTo(2 ** 16), 16)
    .option('--json', 'JSON on standard output');
}

/** `largekernel predict`: logits and top-5 classes of image files. */
export function addPredict(command: Command): void {
  weightsOptions(command)
    .requiredOption('--images <paths...>', 'image files, or folders of them')
    .option('--output <file>', 'write the logits as float32 .npy (images, classes)', endingIn('.npy'))
    .action(predict);
}

/** Reads weights and opens a device for `use`, which opens the session itself once its data are found: compiling takes longest. */
export async function openWeights(
  options: WeightsOptions,
  request: WeightsRequest,
  use: (
    device: Device,
    weights: ResolvedWeights,
    openSession: () => Promise<InferenceSession>,
  ) => Promise<void>,
  ranks?: Ranks,
): Promise<void> {
  const weights = await resolveWeights(request);
  const { values } = await underWay(
    `reading ${weights.file}`,
    () => loadWeights(weights.file, weights.model, { entry: weights.entry }),
    options.json,
  );
  weights.notes.forEach(say);
  const device = await openShared(options.adapter, ranks, {
    ...(ranks && { weights: await sha256File(weights.file) }),
  });
  PipelineCache.of(device).onCompile = compilingReporter(makeReporter(styleOf(options)));
  try {
    if (!options.json)
      process.stderr.write(`adapter: ${device.description || device.name} (${device.kind})\n`);
    const shape = {
      batch: options.batch,
      channels: weights.model.config.channels,
      imageSize: weights.imageSize,
    };
    await use(device, weights, async () =>
      InferenceSession.create(device, await ModelWeights.upload(device, weights.model, values), shape),
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
    async (_device, weights, openSession) => {
      const logits = await predictFiles(await openSession(), weights, files);
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
