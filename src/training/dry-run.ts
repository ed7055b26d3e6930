/** A run up to its first step, and no further. */
import { openDevice } from '../device/device.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { FrameworkError } from '../util/errors.ts';
import type { Reporter } from './log/reporter.ts';
import { size, type Preflight } from './preflight.ts';
import { stepsPerEpoch } from './schedule.ts';
import { prepare, type OpenedDevice, type TrainRequest } from './start.ts';

/** What `train --dry-run` says; plain data. */
export interface TrainingCheck {
  readonly recipe: string;
  readonly folder: string;
  /** The step the run would go on after, or null for a new run. */
  readonly resumesAfter: number | null;
  readonly model: string;
  readonly classes: number;
  readonly batch: number;
  readonly micro: number;
  readonly steps: number;
  readonly deviceBytes: number;
  readonly checked: Preflight;
}

/**
 * Does all that comes before the first step, and writes nothing. For several runs in turn give the device, so that kernels are compiled once.
 * @throws FrameworkError what training would fail with at its start, or at its first evaluation or checkpoint
 */
export async function checkTraining(
  request: TrainRequest,
  reporter: Reporter,
  opened?: OpenedDevice,
): Promise<TrainingCheck> {
  return prepare(
    request,
    reporter,
    () => false,
    opened,
    async (prepared) => {
      const { loaded, folder, resume, loader, session, checked } = prepared;
      const { recipe } = loaded;
      return Promise.resolve({
        recipe: recipe.name,
        folder: folder.root,
        resumesAfter: resume?.info.step ?? null,
        model: session.model.name,
        classes: session.model.config.classes,
        batch: session.plan.batch,
        micro: session.plan.micro,
        steps: stepsPerEpoch(loader.length, recipe.batch.size) * recipe.schedule.epochs,
        deviceBytes: session.plan.memory.total,
        checked,
      });
    },
  );
}

/** Checks runs one after the other on one device, each to its end; what is wrong with one keeps none from being checked. */
export async function checkRuns(
  requests: readonly TrainRequest[],
  adapter: string,
  reporter: Reporter,
): Promise<(TrainingCheck | FrameworkError)[]> {
  const device = await openDevice(adapter);
  try {
    const opened = { device, pipelines: new PipelineCache(device) };
    const results: (TrainingCheck | FrameworkError)[] = [];
    for (const request of requests) {
      try {
        results.push(await checkTraining(request, reporter, opened));
      } catch (error) {
        if (!(error instanceof FrameworkError)) throw error;
        results.push(error);
      }
    }
    return results;
  } finally {
    device.close();
  }
}

/** The table of one check. */
export function describeCheck(check: TrainingCheck): string {
  const { recipe, folder, resumesAfter, model, classes, batch, micro, steps, deviceBytes, checked } = check;
  const { training, validation, disk } = checked;
  const count = (value: number) => value.toLocaleString('en');
  const rows: [string, string][] = [
    ['recipe', recipe],
    [
      'run folder',
      `${folder}, ${resumesAfter === null ? 'a new run' : `which goes on after step ${resumesAfter}`}`,
    ],
    ['model', `${model}, ${classes} classes, ${size(deviceBytes)} of device memory`],
    ['steps', `${count(steps)} of ${batch} images, ${batch / micro} × a micro-batch of ${micro}`],
    [
      'training',
      `${count(training.images)} images; a batch of ${training.batch} came in ${training.seconds.toFixed(1)} s`,
    ],
    [
      'validation',
      `${count(validation.images)} images; a batch of ${validation.batch} ran in ${validation.seconds.toFixed(1)} s`,
    ],
    [
      'disk',
      `${disk.checkpoints} checkpoints of ${size(disk.bytes)}${disk.free === undefined ? '' : `, ${size(disk.free)} free`}`,
    ],
  ];
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${value}\n`).join('');
}
