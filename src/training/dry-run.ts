/** A run up to its first step, and no further. */
import { openDevice } from '../device/open.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { FrameworkError } from '../util/errors.ts';
import { duration, type Reporter } from './log/reporter.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { TrainingSession } from './step/session.ts';
import { planReport } from './planning/plan-report.ts';
import { size, type Preflight } from './preflight.ts';
import { stepsPerEpoch } from './schedule.ts';
import { prepare, type OpenedDevice, type TrainRequest } from './start.ts';

/** The report of `train --dry-run`, as plain data. */
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
  /** Time left, estimated from a forward pass timed here; reading images may take longer. */
  readonly seconds: number;
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
    undefined,
    async (prepared) => {
      const { loaded, folder, resume, loader, session, checked } = prepared;
      const { recipe } = loaded;
      const steps = stepsPerEpoch(loader.length, recipe.batch.size) * recipe.schedule.epochs;
      const done = resume?.info.step ?? 0;
      return {
        recipe: recipe.name,
        folder: folder.root,
        resumesAfter: resume?.info.step ?? null,
        model: session.model.name,
        classes: session.model.config.classes,
        batch: session.plan.batch,
        micro: session.plan.micro,
        steps,
        deviceBytes: session.plan.memory.total,
        checked,
        seconds: (await secondsOf(recipe, session, checked, steps)) * (1 - done / steps),
      };
    },
  );
}

/** Time of a whole run: its steps and its evaluations, from the time of one evaluation batch. */
async function secondsOf(
  recipe: Recipe,
  session: TrainingSession,
  { validation }: Preflight,
  steps: number,
): Promise<number> {
  const { schedule, evaluation } = recipe;
  const { evaluationBatch: n } = session.plan;
  const start = performance.now();
  await session.logits(new Float32Array(n * session.imageElems), n, 'raw'); // compiled by the preflight
  const perImage = (performance.now() - start) / 1000 / n;
  const passes = evaluation.ema && session.emaParameters !== undefined ? 2 : 1;
  const evaluated = Math.ceil(schedule.epochs / evaluation.everyEpochs) * passes * validation.images;
  // A teacher and adversarial images cost passes too.
  const { macs, stepMacs } = planReport(recipe, session.plan);
  return perImage * ((steps * stepMacs.live) / macs.live + evaluated);
}

/** Checks runs one after the other on one device, each to its end; what is wrong with one keeps none from being checked. */
export async function checkRuns(
  requests: readonly TrainRequest[],
  adapter: string,
  reporter: Reporter,
  onStart: (index: number) => void = () => undefined,
): Promise<(TrainingCheck | FrameworkError)[]> {
  const device = await openDevice(adapter);
  try {
    const opened = { device, pipelines: new PipelineCache(device) };
    const results: (TrainingCheck | FrameworkError)[] = [];
    for (const [index, request] of requests.entries()) {
      onStart(index);
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
  const { recipe, folder, resumesAfter, model, classes, batch, micro, steps, deviceBytes, checked, seconds } =
    check;
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
    ['time', `about ${duration(seconds)} on this adapter, by the time of a forward pass`],
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
