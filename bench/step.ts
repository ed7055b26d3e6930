import { openDevice } from '../src/device/device.ts';
import type { LoadedRecipe } from '../src/recipe/load.ts';
import { PipelineCache } from '../src/shader/pipelines.ts';
import { fitPlan, targetOf } from '../src/training/fit.ts';
import { planReport } from '../src/training/plan-report.ts';
import { modelOfRecipe } from '../src/training/recipe-model.ts';
import { TrainingSession } from '../src/training/session.ts';

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
  },
): Promise<StepTiming> {
  const device = await openDevice(options.adapter);
  try {
    const model = modelOfRecipe(recipe.model, options.classes);
    const target = targetOf(device, options.memoryGib);
    const plan = fitPlan(recipe, model, target, options.micro ?? recipe.batch.micro);
    const start = performance.now();
    const session = await TrainingSession.create(device, new PipelineCache(device), plan);
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
    };
  } finally {
    device.close();
  }
}
