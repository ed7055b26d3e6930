import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  startTraining,
  type OpenedDevice,
  type TrainRequest,
  type TrainResult,
} from '../../src/training/start.ts';
import type { Ranks } from '../../src/mpi/ranks.ts';
import { makeReporter } from '../../src/training/log/reporter.ts';
import { readMetrics } from '../../src/training/log/metrics-log.ts';
import { latestCheckpoint } from '../../src/training/run/checkpoints.ts';

/** The smallest recipe that uses every part of training: drop path, augmentation, mixing, averaging, accumulation. */
export const RECIPE = `
data: { dataset: fashion-mnist, imageSize: 28, limitTrain: 48, limitVal: 20, workers: 0 }
model: { name: convnext-custom, depths: [1, 1], dims: [8, 12], kernels: [5, 3], stemStride: 7, dropPath: 0.2, layerScaleInit: 0.1 }
augment: { crop: pad-crop, padding: 2, flip: 0.5, autoAugment: rand-m9-mstd0.5-inc1, erasing: 0.25, mixup: 0.8, cutmix: 1.0, mixGroup: 8 }
loss: { labelSmoothing: 0.1 }
batch: { size: 16, micro: 4 }
optimizer: { lr: 1.0e-2, weightDecay: 0.05 }
schedule: { epochs: 2, warmupSteps: 2 }
ema: 0.9
evaluation: { batch: 8 }
checkpoint: { everySteps: 1, keep: 2 }
`;

export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'largekernel-'));
}

/** Writes the tiny recipe, with changes, to a file. */
export function tinyRecipe(folder: string): string {
  const file = join(folder, 'tiny.yaml');
  writeFileSync(file, RECIPE);
  return file;
}

export async function runTiny(
  adapter: string,
  out: string,
  changes: Partial<TrainRequest> = {},
  interrupted: () => boolean = () => false,
  opened?: OpenedDevice,
  ranks?: Ranks,
): Promise<TrainResult> {
  const request: TrainRequest = {
    recipe: tinyRecipe(scratchFolder()),
    overrides: [],
    data: undefined,
    out,
    init: undefined,
    resume: false,
    maxSteps: undefined,
    adapter,
    memoryGib: undefined,
    ...changes,
  };
  // Not above: the harness belongs to the test runner, and scripts use this file as well.
  const device = opened ?? (await (await import('../ops/harness.ts')).deviceFor(adapter));
  return startTraining(request, makeReporter('quiet'), interrupted, device, ranks);
}

function failOnDamage(what: string): never {
  throw new Error(what);
}

/** Everything that must be the same in two equal runs: the last checkpoint's bytes and what was logged, without speeds. */
export async function traces(out: string): Promise<{ files: Record<string, string>; metrics: unknown[] }> {
  const checkpoint = await latestCheckpoint(join(out, 'checkpoints'));
  const files: Record<string, string> = {};
  for (const name of Object.keys(checkpoint!.info.files)) {
    files[name] = readFileSync(join(checkpoint!.folder, name)).toString('base64');
  }
  const metrics = (await readMetrics(join(out, 'metrics.jsonl'), failOnDamage)).map((record) => ({
    ...record,
    imagesPerSecond: 0,
    exposedMs: 0,
  }));
  return { files, metrics };
}
