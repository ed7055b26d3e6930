import { openDevice, type Device } from '../src/device/device.ts';
import type { Plan } from '../src/graph/plan.ts';
import type { Program } from '../src/graph/program.ts';
import { showShape, variantLabel } from '../src/kernels/op.ts';
import type { LoadedRecipe } from '../src/recipe/load.ts';
import { PipelineCache } from '../src/shader/pipelines.ts';
import { targetOf } from '../src/training/fit.ts';
import { planReport } from '../src/training/plan-report.ts';
import { modelOfRecipe } from '../src/training/recipe-model.ts';
import { TrainingSession } from '../src/training/session.ts';
import { tunedPlan, type TuneMode } from '../src/training/tuned-plan.ts';

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
  /** Of multiply-adds that touch the image, two operations each; over the median. */
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
  /** Of all of them. */
  readonly ms: number;
  /** Of multiply-adds that touch data. */
  readonly gflops: number;
  readonly gbps: number;
}

/**
 * Times training steps on made-up images, which are given to the device anew for each step; no data set is needed and no
 * loader waited for. One step warms up.
 */
export async function benchStep(
  { recipe }: LoadedRecipe,
  options: {
    adapter: string;
    classes: number;
    steps: number;
    micro?: number | undefined;
    memoryGib?: number | undefined;
    profile?: boolean | undefined;
    tuning?: TuneMode | undefined;
  },
): Promise<StepTiming> {
  const device = await openDevice(options.adapter);
  try {
    const model = modelOfRecipe(recipe.model, options.classes);
    const target = targetOf(device, options.memoryGib);
    const pipelines = new PipelineCache(device);
    const request = { recipe, model, target, device, micro: options.micro };
    const plan = await tunedPlan(request, options.tuning ?? 'off', (line) =>
      process.stderr.write(`${line}\n`),
    );
    const start = performance.now();
    const session = await TrainingSession.create(device, pipelines, plan);
    session.initialise(recipe.seed);
    await device.settle();
    const compileMs = performance.now() - start;
    const { batch, micro } = plan;
    const { classes } = model.config;
    const x = Float32Array.from(
      { length: micro * session.imageElems },
      (_, i) => (((i * 37) % 256) - 128) / 64,
    );
    const targets = new Float32Array(micro * classes);
    for (let i = 0; i < micro; i++) targets[i * classes + (i % classes)] = 1;
    const step = async (number: number): Promise<void> => {
      for (let at = 0; at < batch; at += micro) {
        const isLast = at + micro === batch;
        const update = isLast
          ? { step: number, lr: 1e-6, weightDecay: recipe.optimizer.weightDecay }
          : undefined;
        await session.submit(x, targets, (number - 1) * batch + at, update);
      }
      await device.settle();
    };
    await step(1);
    const times: number[] = [];
    for (let i = 0; i < options.steps; i++) {
      const before = performance.now();
      await step(2 + i);
      times.push(performance.now() - before);
    }
    const kernels = options.profile
      ? [
          ...(await profile(device, session.step, plan.step.plan, batch / micro)),
          ...(await profile(device, session.update, plan.update.plan, 1)),
        ].sort((a, b) => b.ms - a.ms)
      : undefined;
    times.sort((a, b) => a - b);
    const [minMs, medianMs, maxMs] = [times[0]!, times[times.length >> 1]!, times.at(-1)!];
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
    const shapes = node.inputs.map(({ spec }) => showShape(spec.shape)).join(' ');
    const key = `${node.op.name} ${shapes} ${JSON.stringify(node.attrs)} ${node.accumulate.join()}`;
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
  const measured = [await run(times), await run(times), await run(times)].sort((a, b) => a - b);
  return (measured[1] as number) / times;
}
