import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { targetOf } from '../training/planning/fit.ts';
import { planReport } from '../training/planning/plan-report.ts';
import { trainedModel } from '../training/weights/recipe-model.ts';
import { loadTeacher, withTeacher } from '../training/weights/teacher.ts';
import { TrainingSession } from '../training/step/session.ts';
import type { StepResult } from '../training/step/step-result.ts';
import type { TrainingPlan } from '../training/step/training-plan.ts';
import { withoutRefusedUnits } from '../training/planning/refused.ts';
import { tunedPlan, type TuneMode } from '../training/planning/tuned-plan.ts';
import { defined } from '../util/errors.ts';
import { syntheticBatch } from './synthetic.ts';
import { percentile } from './times.ts';
import type { Plan } from '../execution/plan.ts';
import type { Program } from '../execution/program.ts';
import { variantLabel } from '../ops/kernels.ts';
import { showShape } from '../ops/tensor.ts';

/** One line of `largekernel bench step`. Times are of whole optimiser steps, each waited for. */
export interface StepTiming {
  readonly recipe: string;
  readonly model: string;
  readonly adapter: string;
  readonly imageSize: number;
  readonly batch: number;
  readonly micro: number;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly steps: number;
  readonly imagesPerSecond: number;
  /** Counts multiply-adds that touch the image, two operations each; over the median. */
  readonly gflops: number;
  readonly compileMs: number;
  /** The step's kernels by themselves, costliest first; with `--profile`. */
  readonly kernels?: readonly KernelTiming[];
  /** Sum of the kernels' times over the median step: 1 where nothing is lost between them; with `--profile`. */
  readonly kernelShare?: number;
}

/** All nodes of a step that do the same at the same shape, each run alone and repeatedly. */
export interface KernelTiming {
  readonly op: string;
  readonly shapes: string;
  readonly variant: string;
  /** Nodes of one optimiser step. */
  readonly count: number;
  /** Time of all of them. */
  readonly ms: number;
  /** Counts multiply-adds that touch data. */
  readonly gflops: number;
  readonly gbps: number;
}

export interface StepOptions {
  readonly adapter: string;
  readonly classes: number;
  readonly steps: number;
  readonly micro?: number | undefined;
  readonly memoryGib?: number | undefined;
  readonly profile?: boolean | undefined;
  readonly tuning?: TuneMode | undefined;
}

/** A recipe's training, ready to take steps. */
interface Trainer {
  readonly session: TrainingSession;
  readonly plan: TrainingPlan;
  readonly compileMs: number;
  /** Milliseconds of the next step. */
  readonly step: () => Promise<number>;
  /** Steps until one changes the weights: the first also allocates, and with 16 bits the loss scale has to settle. */
  readonly warmUp: () => Promise<void>;
}

/** Images are made up and given to the device anew for each step: no data set is needed and no loader waited for. */
async function prepare(device: Device, { recipe }: LoadedRecipe, options: StepOptions): Promise<Trainer> {
  const model = trainedModel(recipe, options.classes);
  const note = (line: string) => process.stderr.write(`${line}\n`);
  let start = 0;
  const { plan, session } = await withoutRefusedUnits(device, note, async () => {
    const target = await withTeacher(targetOf(device, options.memoryGib), recipe, model.config.classes);
    const request = { recipe, model, target, device, micro: options.micro };
    const plan = await tunedPlan(request, options.tuning ?? 'off', note);
    start = performance.now();
    const teacher = await loadTeacher(recipe, plan.teacher?.model, undefined, note);
    const session = await TrainingSession.create(device, new PipelineCache(device), plan, teacher?.values);
    return { plan, session };
  });
  await session.initialise(recipe.seed);
  await device.settle();
  const compileMs = performance.now() - start;
  const { batch, micro } = plan;
  const { classes } = model.config;
  const { x, targets } = syntheticBatch(micro, session.imageElems, classes);
  let number = 0;
  let last: StepResult | undefined;
  const step = async (): Promise<number> => {
    const before = performance.now();
    number++;
    for (let at = 0; at < batch; at += micro) {
      const isLast = at + micro === batch;
      const update = isLast
        ? { step: number, lr: 1e-6, weightDecay: recipe.optimizer.weightDecay }
        : undefined;
      last = await session.submit(x, targets, (number - 1) * batch + at, update);
    }
    await device.settle();
    return performance.now() - before;
  };
  const warmUp = async (): Promise<void> => {
    do await step();
    while (!Number.isFinite(last?.gradNorm) && number < MOST_WARM_UPS);
    if (!Number.isFinite(last?.gradNorm))
      note(
        `${recipe.name}: the gradient is not finite; the steps that are timed leave the weights as they are`,
      );
    else if (number > 1)
      note(`${recipe.name}: the loss scale settled at ${last?.lossScale} in ${number} steps`);
  };
  return { session, plan, compileMs, step, warmUp };
}

/** A loss scale of 65,536 is 1 by then. */
const MOST_WARM_UPS = 20;

/** Times training steps that change weights. */
export async function benchStep(loaded: LoadedRecipe, options: StepOptions): Promise<StepTiming> {
  const device = await openDevice(options.adapter);
  try {
    const { recipe } = loaded;
    const { session, plan, compileMs, step, warmUp } = await prepare(device, loaded, options);
    const { batch, micro, model } = plan;
    await warmUp();
    const times: number[] = [];
    for (let i = 0; i < options.steps; i++) times.push(await step());
    const kernels = options.profile
      ? [
          ...(await profile(device, session.step, plan.step.plan, batch / micro)),
          ...(await profile(device, session.update, plan.update.plan, 1)),
        ].sort((a, b) => b.ms - a.ms)
      : undefined;
    const { medianMs, minMs, maxMs } = summary(times);
    return {
      recipe: recipe.name,
      model: model.name,
      adapter: device.name,
      imageSize: recipe.data.imageSize,
      batch,
      micro,
      medianMs,
      minMs,
      maxMs,
      steps: times.length,
      imagesPerSecond: (1000 * batch) / medianMs,
      gflops: (2 * planReport(recipe, plan).stepMacs.live) / medianMs / 1e6,
      compileMs,
      ...(kernels && { kernels, kernelShare: kernels.reduce((sum, { ms }) => sum + ms, 0) / medianMs }),
    };
  } finally {
    device.close();
  }
}

/** One recipe of several whose steps were timed in turn. */
export interface ComparedTiming {
  readonly recipe: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly steps: number;
  /** Medians, and least times, over those of the first recipe. */
  readonly ratio: number;
  readonly minRatio: number;
}

/** Times the steps of several recipes on one device, one step each in turn, so that whatever else the machine does meets all. */
export async function compareSteps(
  recipes: readonly { readonly label: string; readonly loaded: LoadedRecipe }[],
  options: StepOptions,
): Promise<ComparedTiming[]> {
  const device = await openDevice(options.adapter);
  try {
    const trainers: Trainer[] = [];
    for (const { loaded } of recipes) trainers.push(await prepare(device, loaded, options));
    const times: number[][] = trainers.map(() => []);
    for (const { warmUp } of trainers) await warmUp();
    for (let i = 0; i < options.steps; i++)
      for (const [t, { step }] of trainers.entries()) times[t]?.push(await step());
    const all = times.map(summary);
    const first = defined(all[0], 'recipe');
    return all.map((each, i) => ({
      recipe: defined(recipes[i], 'recipe').label,
      ...each,
      steps: options.steps,
      ratio: each.medianMs / first.medianMs,
      minRatio: each.minMs / first.minMs,
    }));
  } finally {
    device.close();
  }
}

function summary(times: readonly number[]): { medianMs: number; minMs: number; maxMs: number } {
  return { medianMs: percentile(times, 0.5), minMs: percentile(times, 0), maxMs: percentile(times, 1) };
}

/** At least this long is each kernel repeated, in ms. */
const PROFILE_MS = 30;

/** Runs each distinct node of a program alone; leaves nonsense in its buffers. */
async function profile(
  device: Device,
  program: Program,
  { steps }: Plan,
  runs: number,
): Promise<KernelTiming[]> {
  const rows = new Map<string, KernelTiming>();
  let from = 0;
  for (const { node, variant, cost, dispatches } of steps) {
    const to = from + dispatches.length;
    const shapes = Object.values(node.inputs)
      .map(({ spec }) => showShape(spec.shape))
      .join(' ');
    const key = [
      node.op.name,
      Object.keys(node.inputs),
      shapes,
      JSON.stringify(node.attrs),
      node.accumulates,
    ].join(' ');
    const known = rows.get(key);
    const each = known === undefined ? await timeRange(device, program, from, to) : known.ms / known.count;
    const count = (known?.count ?? 0) + runs;
    rows.set(key, {
      op: node.op.name,
      shapes,
      variant: variantLabel(variant),
      count,
      ms: each * count,
      gflops: (2 * cost.liveMacs) / each / 1e6,
      gbps: cost.bytes / each / 1e6,
    });
    from = to;
  }
  return [...rows.values()];
}

/** Milliseconds of the dispatches from `from` to before `to`: the median of three, the queue drained around enough repetitions. */
async function timeRange(device: Device, program: Program, from: number, to: number): Promise<number> {
  const run = async (times: number): Promise<number> => {
    const encoder = device.gpu.createCommandEncoder();
    for (let i = 0; i < times; i++) program.encode(encoder, from, to);
    const start = performance.now();
    device.gpu.queue.submit([encoder.finish()]);
    await device.settle();
    return performance.now() - start;
  };
  let times = 1;
  await run(times);
  while (times < 4096 && (await run(times)) < PROFILE_MS) times *= 4;
  return percentile([await run(times), await run(times), await run(times)], 0.5) / times;
}
