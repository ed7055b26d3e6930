import type { Command } from 'commander';
import { availableParallelism } from 'node:os';
import { leftOut } from '../data/left-out.ts';
import type { Ranks } from '../mpi/ranks.ts';
import {
  evaluationData,
  openImages,
  resolveWeights,
  type WeightsRequest,
} from '../training/evaluation/evaluate-weights.ts';
import { EvaluationCounter, measure } from '../training/evaluation/evaluation.ts';
import { ofAll, shareOf, type MeasuredBatch } from '../training/evaluation/shared.ts';
import { describeLabels } from '../training/weights/model-classes.ts';
import { FrameworkError } from '../util/errors.ts';
import {
  BENCHMARK_FLAGS,
  benchmarkConditions,
  benchmarkOptions,
  checkBenchmarks,
  type BenchmarkOptions,
} from './benchmark-options.ts';
import { evaluateBenchmarks } from './benchmarks.ts';
import { onlyWhen } from './conflicts.ts';
import { ranksOption } from './contexts.ts';
import { untilInterrupted } from './interrupt.ts';
import { ProgressLine } from './progress-line.ts';
import { sharedByRanks } from './start-ranks.ts';
import { say } from './say.ts';
import { openWeights, weightsOptions, weightsRequest, type WeightsOptions } from './weights.ts';

/** `largekernel evaluate`: accuracy on labelled images, or the robustness benchmarks. */
export function addEvaluate(command: Command): void {
  weightsOptions(command)
    .option(
      '--data <folder>',
      'images in one folder per class, or in the format of --set data.dataset (default: the run’s own)',
    )
    .option('--split <name>', 'folder below --data')
    .option('--on-error <what>', 'what an unreadable image does: fail or skip', 'fail');
  benchmarkOptions(command).action((options: EvaluateOptions) =>
    sharedByRanks(options.ranks, {
      use: (ranks) => evaluate(options, ranks),
      check: async () => {
        await checkOptions(options);
        await resolveWeights(requestOf(options));
      },
      keeps: 'benchmarks' in options,
    }),
  );
  ranksOption(command);
  onlyWhen(command, 'with --benchmarks', BENCHMARK_FLAGS, ({ has }) => has('--benchmarks'));
  benchmarkConditions(command);
  onlyWhen(command, 'without --benchmarks', ['--on-error'], ({ has }) => !has('--benchmarks'));
}

interface EvaluateOptions extends WeightsOptions {
  readonly data?: string;
  readonly split?: string;
  readonly onError: string;
  readonly ranks?: number;
}

type AnyOptions = EvaluateOptions | (EvaluateOptions & BenchmarkOptions);

async function checkOptions(options: AnyOptions): Promise<void> {
  if ('benchmarks' in options) await checkBenchmarks(options);
  else onErrorOf(options);
}

function onErrorOf({ onError }: EvaluateOptions): 'fail' | 'skip' {
  if (onError === 'fail' || onError === 'skip') return onError;
  throw new FrameworkError('cli/option', `--on-error takes fail or skip, got ${onError}.`);
}

async function evaluate(options: AnyOptions, ranks: Ranks | undefined): Promise<void> {
  await checkOptions(options);
  if ('benchmarks' in options)
    return openWeights(
      options,
      requestOf(options),
      async (device, weights, openSession) => {
        const adapter = `${device.description || device.name} (${device.kind})`;
        return evaluateBenchmarks(options, weights, await openSession(), adapter, ranks);
      },
      ranks,
    );
  const done: PartDone = { counter: undefined, total: 0 };
  await untilInterrupted(
    () => evaluateImages(options, onErrorOf(options), done, ranks),
    () => partText(done),
    ranks,
  );
}

function requestOf(options: AnyOptions): WeightsRequest {
  const replaced = new Map<string, string>();
  if (options.data !== undefined) replaced.set('data.root', '--data');
  if (options.split !== undefined) replaced.set('data.valSplit', '--split');
  return {
    ...weightsRequest(options, 'benchmarks' in options ? 'evaluate --benchmarks' : 'evaluate'),
    replaced,
  };
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
  ranks: Ranks | undefined,
): Promise<void> {
  await openWeights(
    options,
    requestOf(options),
    async (_device, weights, openSession) => {
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
        const session = await openSession();
        const { classes } = weights.model.config;
        const counter = new EvaluationCounter(classes);
        Object.assign(done, { counter, total: loader.length });
        const line = new ProgressLine(options.json === true);
        const measured: MeasuredBatch[] = [];
        let seen = 0;
        for await (const { x, labels, step } of loader.evaluate(shareOf(ranks))) {
          const values = measure(await session.logits(x, labels.length), labels, classes);
          if (ranks === undefined) counter.addMeasured(values);
          else measured.push({ step, values });
          seen = Math.min(seen + labels.length * (ranks?.size ?? 1), loader.length);
          line.show('evaluating', { done: seen, before: 0, total: loader.length }, loader.failures.size);
        }
        line.clear();
        const all = await ofAll(ranks, { measured, failures: [...loader.failures.keys()] });
        for (const { values } of all.measured) counter.addMeasured(values);
        const result = { ...counter.result(), skipped: all.failures.length };
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
    },
    ranks,
  );
}
