import { basename, join } from 'node:path';
import type { Ranks } from '../mpi/ranks.ts';
import type { InferenceSession } from '../models/inference.ts';
import { DATASETS } from '../data/datasets.ts';
import { startCrew } from '../robustness/benchmarks/crew/crew.ts';
import type { OwnImages } from '../robustness/benchmarks/images/prepared.ts';
import type { Classifier } from '../robustness/classifier/classifier.ts';
import { groupProblems, partsText } from '../robustness/benchmarks/images/problems.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { folderName, sessionClassifier } from '../robustness/classifier/session-classifier.ts';
import { planSuite, type SuitePlan } from '../robustness/benchmarks/evaluation/suite-plan.ts';
import {
  chooseBenchmarks,
  runSuite,
  type Outcome,
  type SuiteOptions,
} from '../robustness/benchmarks/evaluation/suite.ts';
import { formatMetric } from '../report/columns.ts';
import { evaluationData, type ResolvedWeights } from '../training/evaluation/evaluate-weights.ts';
import { isImagenet } from '../training/weights/model-classes.ts';
import { duration } from '../training/log/reporter.ts';
import { isRunFolder } from '../training/run/run-folder.ts';
import { versionOf } from '../util/modules.ts';
import { untilInterrupted } from './interrupt.ts';
import { ProgressLine } from './progress-line.ts';
import { SUBSET, type BenchmarkOptions } from './benchmark-options.ts';

/** Data sets as tables call them. ImageNet is recognised by its files. */
const TITLES: Readonly<Record<string, string>> = {
  cifar10: 'CIFAR-10',
  cifar100: 'CIFAR-100',
  'fashion-mnist': 'Fashion-MNIST',
  mnist: 'MNIST',
};

/** `largekernel evaluate --benchmarks …`: results as JSON files, a table on the terminal, exit code 3 if anything was left out. */
export async function evaluateBenchmarks(
  options: BenchmarkOptions,
  weights: ResolvedWeights,
  session: InferenceSession,
  adapter: string,
  ranks: Ranks | undefined,
): Promise<void> {
  const kind = isRunFolder(options.checkpoint) ? (options.ema ? 'ema' : 'raw') : 'file';
  const named = { ...weights, isImagenet: isImagenet(weights.classes) };
  const classifier = { ...(await sessionClassifier(session, named)), weights: kind } as const;
  if (weights.classes.assumed !== undefined) process.stderr.write(`${weights.classes.assumed}\n`);
  const benchmarks = chooseBenchmarks(options.benchmarks);
  const crew = startCrew(options.workers);
  const line = new ProgressLine(options.json === true);
  const suite: SuiteOptions = {
    benchmarks,
    classifier,
    dataRoot: options.dataRoot,
    own: ownImages(options, weights),
    generate: options.generate === true,
    seed: options.seed,
    names: options.corruptions,
    severities: options.severities,
    difficulty: options.difficulty,
    jpeg85: options.jpeg ? undefined : false,
    stored: options.storedSize,
    detection: { known: options.known, near: options.near, far: options.far },
    maker: { version: versionOf('largekernel'), adapter },
    selection: { limit: options.limit, subset: options.subset === undefined ? undefined : SUBSET },
    batchSize: options.batch,
    crew,
    ranks,
    folder: outFolder(options, classifier),
    onProgress: (name, { unit, imagesDone, imagesResumed, imagesTotal, failures }) =>
      line.show(`${name} ${unit}`, { done: imagesDone, before: imagesResumed, total: imagesTotal }, failures),
  };
  try {
    if (options.dryRun) return printPlan(await planSuite(suite), options);
    await untilInterrupted(
      async (signal) => {
        const outcomes = await runSuite({ ...suite, signal });
        line.clear();
        printOutcomes(outcomes, options);
        if (outcomes.some((outcome) => isIncomplete(outcome, options.benchmarks))) process.exitCode = 3;
      },
      undefined,
      ranks,
    );
  } finally {
    line.clear();
    await crew.close();
  }
}

/** A benchmark that does not apply to the model is an error if it was requested by name, but not with `all`. */
function isIncomplete(outcome: Outcome, asked: string): boolean {
  switch (outcome.kind) {
    case 'measured':
      return !outcome.result.complete;
    case 'left out':
      return true;
    case 'not applicable':
      return asked !== 'all';
  }
}

/** Labelled images of the model's own classes: those of --data, or of the run. */
function ownImages({ data, split }: BenchmarkOptions, weights: ResolvedWeights): OwnImages | undefined {
  const named = weights.data?.dataset;
  const builtIn = named === undefined ? undefined : DATASETS[named]?.root;
  if (data === undefined && (weights.data?.root ?? builtIn) === undefined) return undefined;
  const spec = evaluationData(weights, data, split);
  return { spec, title: TITLES[named ?? ''] ?? basename(spec.root) };
}

function outFolder({ out, checkpoint, ema }: BenchmarkOptions, { name, fingerprint }: Classifier): string {
  if (out !== undefined) return out;
  if (isRunFolder(checkpoint)) return join(checkpoint, 'robustness', ...(ema ? ['ema'] : []));
  return join('runs', 'robustness', folderName(name, fingerprint));
}

function printOutcomes(outcomes: readonly Outcome[], { json, checkpoint }: BenchmarkOptions): void {
  if (json) {
    const rows = outcomes.map((outcome) =>
      outcome.kind === 'measured'
        ? { ...outcome.result, parts: undefined, perClass: undefined, file: outcome.path }
        : { benchmark: outcome.benchmark.id, [outcome.kind]: outcome.reason },
    );
    process.stdout.write(`${JSON.stringify({ checkpoint, benchmarks: rows })}\n`);
    return;
  }
  for (const outcome of outcomes) process.stdout.write(`${outcomeText(outcome)}\n`);
}

function outcomeText(outcome: Outcome): string {
  if (outcome.kind !== 'measured') return `${outcome.kind}: ${outcome.reason}\n`;
  const { result, path } = outcome;
  const { scored, asked, unlabelled } = result.items;
  const width = Math.max(0, ...result.metrics.map(({ label }) => label.length));
  return [
    `${result.name}: ${scored.toLocaleString('en')} of ${asked.toLocaleString('en')} items; ${result.protocol.subset}; ${result.protocol.dataOrigin}`,
    ...(unlabelled === undefined
      ? []
      : [`  ${unlabelled.toLocaleString('en')} images have no label and are left out`]),
    ...result.metrics.map(
      (metric) =>
        `  ${metric.label.padEnd(width)}  ${formatMetric(metric).padStart(12)} ${metric.unit.padEnd(2)} ${metric.protocol.replace(`, ${result.protocol.dataOrigin}`, '')}`,
    ),
    ...partLines(result),
    ...result.absent.map(({ label, protocol, why }) => `  ${label} not computed (${protocol}): ${why}`),
    ...groupProblems(result.problems).map((group) => {
      const count = group.parts.length > 1 ? `${group.count} in each` : `${group.count}`;
      return `  ${group.kind} (${count}), ${partsText(group)}: ${group.what}`;
    }),
    `  ${path}`,
    '',
  ].join('\n');
}

/** Corruptions and perturbations one by one where they were picked: without the others there is no aggregate. */
function partLines({ rows, parts }: BenchmarkResult): string[] {
  const isVaried = rows.length > 0 || parts.some(({ name }) => name.includes('/'));
  if (!isVaried || parts.length > 20) return [];
  const width = Math.max(...parts.map(({ name }) => name.length));
  return parts.flatMap(({ name, metrics: [metric] }) =>
    metric === undefined
      ? []
      : [`  ${name.padEnd(width)}  ${metric.label} ${formatMetric(metric)} ${metric.unit}`],
  );
}

function printPlan(plan: SuitePlan, { json }: BenchmarkOptions): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(plan)}\n`);
    return;
  }
  process.stdout.write(`the model takes ${plan.forwardRate.toFixed(1)} images/s on this device\n`);
  for (const { name, state, note, images, forwardPasses, preparationRate, hours } of plan.benchmarks) {
    const rate = preparationRate === undefined ? '' : `, images come at ${preparationRate.toFixed(1)}/s`;
    const cost = `${images.toLocaleString('en')} images or clips, ${forwardPasses.toLocaleString('en')} forward passes, ${duration(3600 * hours)}${rate}`;
    process.stdout.write(`${name}: ${state === 'not applicable' ? '' : `${cost}; `}${state}: ${note}\n`);
  }
  const ready = plan.benchmarks.filter(({ state }) => state === 'ready');
  const hours = ready.reduce((sum, planned) => sum + planned.hours, 0);
  process.stdout.write(`${ready.length} benchmarks are ready: ${duration(3600 * hours)}\n`);
}
