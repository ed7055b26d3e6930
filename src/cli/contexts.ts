import type { Command } from 'commander';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { ModelWeights } from '../models/weights.ts';
import { MOST_WORKERS } from '../recipe/schema.ts';
import type { Analysis, AnalysisContext, OnDevice, OtherModel } from '../robustness/analyses/analysis.ts';
import type { Crew } from '../robustness/benchmarks/crew/crew.ts';
import { folderName, sha256File, weightsFingerprint } from '../robustness/classifier/session-classifier.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import {
  evaluationData,
  resolveWeights,
  type ResolvedWeights,
} from '../training/evaluation/evaluate-weights.ts';
import { compilingReporter, makeReporter } from '../training/log/reporter.ts';
import { adapterOf, checkAlike } from '../training/together.ts';
import { isRunFolder } from '../training/run/run-folder.ts';
import { loadWeights } from '../training/weights/initial-weights.ts';
import { isImagenet, namesOf } from '../training/weights/model-classes.ts';
import type { WeightsUse } from '../training/weights/settings.ts';
import { versionOf } from '../util/modules.ts';
import { onlyWhen } from './conflicts.ts';
import type { ProgressLine } from './progress-line.ts';
import { say, underWay } from './say.ts';
import { ADAPTERS, collect, integerUpTo, positiveInteger, styleOf } from './train.ts';

/** Checkpoints that `analyze` and `attack` take one after the other: their options, and what each is opened to. */

/** Options of every command that looks at several checkpoints one after the other. */
export interface ContextOptions {
  readonly checkpoint: readonly string[];
  readonly model?: string;
  readonly entry?: string;
  readonly set: readonly string[];
  readonly ema?: boolean;
  readonly adapter?: string;
  readonly batch?: number;
  readonly data?: string;
  readonly split?: string;
  readonly limit?: number;
  readonly workers?: number;
  readonly out?: string;
  readonly figure?: string;
  readonly pictures?: string;
  readonly dryRun?: boolean;
  readonly ranks?: number;
  readonly json?: boolean;
}

/** Options that say which weights, of one model or of several. */
export function checkpointsOptions(command: Command): void {
  const paths = (value: unknown) => (Array.isArray(value) ? (value as string[]) : []);
  onlyWhen(command, 'with a run folder', ['--ema'], ({ value }) =>
    paths(value('--checkpoint')).some(isRunFolder),
  );
  onlyWhen(command, 'with a file of weights', ['--model', '--entry'], ({ value }) =>
    paths(value('--checkpoint')).some((path) => !isRunFolder(path)),
  );
  command
    .requiredOption(
      '--checkpoint <run|file...>',
      'run folders, files of weights or names of published ones; several are put side by side',
    )
    .option('--model <name>', 'the model bare files belong to, where their tensors do not tell')
    .option('--entry <name>', 'which set of weights of a file with several, for example model_ema')
    .option(
      '--set <key=value>',
      'change model, data or evaluation settings; may be given many times',
      collect,
      [],
    )
    .option('--ema', 'the averaged weights of a run');
}

export function imageOptions(command: Command, { needs }: Pick<Analysis, 'needs'>): void {
  command
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--batch <n>', 'images at once; results do not depend on it', integerUpTo(2 ** 16), 16)
    .option('--limit <n>', 'at most so many images, evenly spaced', positiveInteger)
    .option('--dry-run', 'count passes and hours; analyse nothing');
  ranksOption(command);
  if (needs === 'stimuli') {
    command.requiredOption('--data <folder>', 'the stimuli, named as cat7-elephant3.png is');
    return;
  }
  command
    .option('--data <folder>', 'images in one folder per class (default: the run’s own)')
    .option('--split <name>', 'folder below --data')
    .option(
      '--workers <n>',
      'threads that decode and change images; results do not depend on it',
      integerUpTo(MOST_WORKERS),
      Math.max(1, availableParallelism() - 1),
    );
}

/** `--ranks` of a command whose images ranks share. */
export function ranksOption(command: Command): Command {
  onlyWhen(command, 'without --dry-run', ['--ranks'], ({ has }) => !has('--dry-run'));
  return command.option(
    '--ranks <n>',
    'share the images among so many processes on this machine (starts mpirun); results do not depend on it; 1: alone, whatever started this',
    positiveInteger,
  );
}

/** The device of a rank, or of a process alone. @param more what must be the same for all ranks besides the kind of adapter */
export async function openShared(
  request: string,
  ranks: Ranks | undefined,
  more: Readonly<Record<string, string>>,
): Promise<Device> {
  const device = await openDevice(await adapterOf(request, ranks));
  if (ranks !== undefined)
    await checkAlike(ranks, { version: versionOf('largekernel'), adapter: device.name, ...more });
  return device;
}

/** Pictures for people are drawn by the first rank alone. */
export function ofRank<T extends ContextOptions>(options: T, ranks: Ranks | undefined): T {
  return (ranks?.isFirst ?? true) ? options : { ...options, figure: undefined, pictures: undefined };
}

/** What is made with a checkpoint. */
export interface Use {
  readonly needs: Analysis['needs'];
  readonly use: WeightsUse;
  /** The folder of its results, below the model's. */
  readonly folder: string;
}

export interface Means {
  readonly crew: Crew | undefined;
  readonly signal: AbortSignal;
  readonly line: ProgressLine;
  readonly ranks: Ranks | undefined;
}

/** Opens every checkpoint before the first is worked on: a wrong name shows at once, not after the hours of those before it. */
export async function checkCheckpoints(
  use: WeightsUse,
  checkpoints: readonly string[],
  options: ContextOptions,
): Promise<void> {
  for (const checkpoint of checkpoints) await resolveWeights(requestOf(use, checkpoint, options));
}

/** Resolves one checkpoint; its device and weights are opened when they are first needed, and freed at the end. */
export async function withContext(
  { needs, use, folder }: Use,
  checkpoint: string,
  options: ContextOptions,
  { crew, signal, line, ranks }: Means,
  work: (context: AnalysisContext) => Promise<void>,
): Promise<void> {
  const weights = await resolveWeights(requestOf(use, checkpoint, options));
  const { model, file, imageSize, normalization, evalConfig } = weights;
  const { values } = await underWay(
    `reading ${file}`,
    () => loadWeights(file, model, { entry: weights.entry }),
    options.json,
  );
  weights.notes.forEach(say);
  if (needs === 'images' && weights.classes.assumed !== undefined) say(weights.classes.assumed);
  let opened: Promise<OnDevice> | undefined;
  let adapter = 'none';
  const open = async (): Promise<OnDevice> => {
    const device = await openShared(options.adapter ?? 'auto', ranks, {});
    adapter = `${device.description || device.name} (${device.kind})`;
    PipelineCache.of(device).onCompile = compilingReporter(
      makeReporter(styleOf({ json: options.json === true })),
    );
    return { device, weights: await ModelWeights.upload(device, model, values) };
  };
  try {
    await work({
      model,
      about: {
        file,
        variant: weights.variant,
        normalization,
        evalConfig,
        isImagenet: isImagenet(weights.classes),
      },
      kind: isRunFolder(checkpoint) ? (options.ema === true ? 'ema' : 'raw') : 'file',
      classNames: namesOf(weights.classes),
      imageSize,
      batch: options.batch ?? 1,
      values,
      onDevice: () => (opened ??= open()),
      other: async (path) => otherModel(path, (await (opened ??= open())).device),
      images: () => {
        const spec = evaluationData(weights, options.data, options.split);
        return { spec, title: weights.data?.dataset ?? basename(spec.root) };
      },
      data: options.data,
      selection: { limit: options.limit },
      crew,
      ranks,
      folder: await folderOf(folder, checkpoint, options, weights),
      maker: makerOf(() => adapter),
      signal,
      onProgress: ({ unit, imagesDone, imagesResumed, imagesTotal, failures }) => {
        const amount = { done: imagesDone, before: imagesResumed, total: imagesTotal };
        line.show(`${model.name} ${unit}`, amount, failures);
      },
    });
  } finally {
    if (opened !== undefined) (await opened).device.close();
  }
}

/** Weights that are looked through, with the model's own settings. */
async function otherModel(checkpoint: string, device: Device): Promise<OtherModel> {
  const request = { checkpoint, model: undefined, overrides: [], use: 'predict', weights: 'raw' } as const;
  const { model, file, entry, imageSize } = await resolveWeights(request);
  const { values } = await loadWeights(file, model, { entry });
  return {
    weights: await ModelWeights.upload(device, model, values),
    imageSize,
    sha256: await sha256File(file),
  };
}

/** Read when the first unit is made: by then the device is open, where one is needed. */
function makerOf(adapter: () => string) {
  return {
    version: versionOf('largekernel'),
    get adapter() {
      return adapter();
    },
  };
}

function requestOf(use: WeightsUse, checkpoint: string, options: ContextOptions) {
  const { model, entry, set: overrides, ema, data, split } = options;
  const isRun = isRunFolder(checkpoint);
  const replaced = new Map<string, string>();
  if (data !== undefined) replaced.set('data.root', '--data');
  if (split !== undefined) replaced.set('data.valSplit', '--split');
  return {
    ...{ checkpoint, overrides, use, replaced },
    model: isRun ? undefined : model,
    entry: isRun ? undefined : entry,
    weights: isRun && ema === true ? ('ema' as const) : ('raw' as const),
  };
}

async function folderOf(
  name: string,
  checkpoint: string,
  { out, ema }: ContextOptions,
  weights: ResolvedWeights,
): Promise<string> {
  if (out === undefined && isRunFolder(checkpoint))
    return join(checkpoint, 'robustness', ...(ema === true ? ['ema'] : []), name);
  const folder = folderName(weights.model.name, await weightsFingerprint(weights));
  return join(out ?? join('runs', 'robustness'), folder, name);
}
