import type { Device } from '../device/device.ts';
import { classMetadata } from '../data/class-metadata.ts';
import type { ClassList } from '../data/dataset.ts';
import type { Loader } from '../data/loader.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { Claim } from '../util/claim.ts';
import { FrameworkError } from '../util/errors.ts';
import {
  pruneCheckpoints,
  resumePoint,
  saveCheckpoint,
  type Checkpoint,
  type Counters,
  type ResumePoint,
} from './run/checkpoints.ts';
import { mixGroupOf, openEvaluation, TargetMaker } from './data.ts';
import { EvaluationCounter, type Evaluation } from './evaluation/evaluation.ts';
import { MetricsLog, type MetricsRecord } from './log/metrics-log.ts';
import { duration, withSigns, type Reporter } from './log/reporter.ts';
import type { RunFolder, TrainingSummary } from './run/run-folder.ts';
import { loadState, stateFiles } from './run/run-state.ts';
import { scheduleOf, stepsPerEpoch, type Schedule } from './schedule.ts';
import { StepClock } from './log/step-clock.ts';
import type { StepResult, TrainingSession, Weights } from './step/session.ts';

export interface TrainingJob {
  readonly recipe: Recipe;
  readonly recipeHash: string;
  readonly device: Device;
  readonly session: TrainingSession;
  readonly loader: Loader;
  /** What the model's outputs stand for. */
  readonly classes: ClassList;
  readonly folder: RunFolder;
  /** By which this process holds the folder. */
  readonly claim: Claim;
  readonly reporter: Reporter;
  /** Where to go on from, if anywhere. */
  readonly resume: Checkpoint | undefined;
  /** Stop after so many optimiser steps in all. */
  readonly maxSteps: number | undefined;
  /** Becomes true when the run should save and stop. */
  readonly interrupted: () => boolean;
}

/** Results that may be on their way while further steps are submitted. */
const OUTSTANDING = 4;
/** ms */
const SLOW_STEP = 1000;
/** A gradient that is not finite even at this loss scale does not overflow by the scale. */
const LEAST_LOSS_SCALE = 2 ** -10;

/** Trains from the job's starting point to its end, to `maxSteps` or to an interruption; a checkpoint stands at each of these. */
export async function train(job: TrainingJob): Promise<TrainingSummary> {
  const run = await TrainingRun.start(job);
  try {
    return await run.toEnd();
  } finally {
    await run.close();
  }
}

class TrainingRun {
  private readonly job: TrainingJob;
  private readonly log: MetricsLog;
  private readonly schedule: Schedule;
  private readonly stepsPerEpoch: number;
  private readonly targets: TargetMaker;
  private readonly pending: Promise<void>[] = [];
  /** The latest step's; results are taken in the order of steps. */
  private settled: Promise<void> = Promise.resolve();
  private readonly clock = new StepClock();
  private step: number;
  private firstStep: number;
  private batchesTracked: number;
  private best: Counters['best'];
  private savedAt = -1;
  /** For signs of life. */
  private doing = 'the first batch';
  /** When a step or an evaluation ended, in ms. */
  private news = performance.now();
  private readonly evaluations: Partial<Record<Weights, Evaluation>> = {};

  private constructor(job: TrainingJob, log: MetricsLog) {
    this.job = job;
    this.log = log;
    this.stepsPerEpoch = stepsPerEpoch(job.loader.length, job.recipe.batch.size);
    this.schedule = scheduleOf(job.recipe, this.stepsPerEpoch);
    this.targets = new TargetMaker(job.recipe, job.session.model.config.classes);
    const counters = job.resume?.info;
    this.step = counters?.step ?? 0;
    this.firstStep = this.step;
    this.batchesTracked = counters?.batchesTracked ?? 0;
    this.best = counters?.best ?? null;
    for (const record of log.kept) {
      // Made before the checkpoint at its step: it is neither made nor logged again.
      if (record.kind === 'evaluation' && record.step === this.step)
        this.evaluations[record.weights] = evaluationOf(record);
    }
  }

  static async start(job: TrainingJob): Promise<TrainingRun> {
    if (job.resume !== undefined) await loadState(job.session, job.resume);
    const { folder, resume, reporter } = job;
    const log = await MetricsLog.open(folder.metrics, resume?.info.step ?? 0, (line) => {
      reporter.note(line);
    });
    return new TrainingRun(job, log);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.pending);
    await this.log.close();
  }

  async toEnd(): Promise<TrainingSummary> {
    this.news = performance.now();
    const waited = () => duration((performance.now() - this.news) / 1000);
    const isFirst = () => this.clock.recent === 0;
    const signs = () =>
      `${this.doing}, ${waited()} so far${isFirst() ? '; kernels compile in the first step' : ''}`;
    return withSigns(this.job.reporter, signs, () => this.steps());
  }

  private async steps(): Promise<TrainingSummary> {
    const last = Math.min(this.schedule.totalSteps, this.job.maxSteps ?? Infinity);
    let outcome: TrainingSummary['outcome'] = last < this.schedule.totalSteps ? 'max-steps' : 'finished';
    while (this.step < last) {
      await this.epoch(last);
      if (this.job.interrupted() && this.step < last) {
        outcome = 'interrupted';
        break;
      }
    }
    await this.drain();
    if (outcome === 'finished' && this.evaluations.raw === undefined) await this.evaluate();
    await this.save();
    const seconds = this.clock.elapsed / 1000;
    const { leftOut } = this.clock;
    const firstStepSeconds = leftOut === undefined ? undefined : leftOut / 1000;
    const done = this.step - this.firstStep - (leftOut === undefined ? 0 : 1);
    return {
      outcome,
      step: this.step,
      steps: this.schedule.totalSteps,
      seconds,
      imagesPerSecond: (done * this.job.recipe.batch.size) / (seconds - (firstStepSeconds ?? 0)),
      ...(firstStepSeconds !== undefined && { firstStepSeconds }),
      best: this.best,
      evaluations: this.evaluations,
    };
  }

  /** The rest of the current epoch, or up to step `last`, or to an interruption. */
  private async epoch(last: number): Promise<void> {
    const { recipe, session, loader } = this.job;
    const group = mixGroupOf(recipe);
    const groupsPerStep = recipe.batch.size / group;
    const epoch = Math.floor(this.step / this.stepsPerEpoch);
    const within = this.step % this.stepsPerEpoch;
    let inStep = 0;
    for await (const batch of loader.train({ epoch, step: within * groupsPerStep, epochs: epoch + 1 })) {
      const number = this.step * groupsPerStep + inStep;
      const targets = this.targets.make(batch.x, batch.labels, number);
      inStep++;
      const done = await this.submitGroup(batch.x, targets, number * group, inStep === groupsPerStep);
      if (done === undefined) continue;
      inStep = 0;
      this.step++;
      this.batchesTracked += recipe.batch.size / session.plan.micro;
      this.settled = this.settle(done.result, this.step, this.settled);
      this.settled.catch(() => undefined); // awaited in its turn; until then it must not count as unhandled
      this.pending.push(this.settled);
      if (this.pending.length > this.outstanding) await this.pending.shift();
      const ended = this.step % this.stepsPerEpoch === 0;
      await this.afterStep(ended);
      if (ended || this.step >= last || this.job.interrupted()) return;
    }
  }

  /** Submits one group's micro-batches; the result of the step with its last one. */
  private async submitGroup(
    x: Float32Array,
    targets: Float32Array,
    first: number,
    isLast: boolean,
  ): Promise<{ readonly result: Promise<StepResult> } | undefined> {
    const { session, reporter } = this.job;
    const { micro, batch } = session.plan;
    const count = x.length / session.imageElems;
    const classes = targets.length / count;
    let result: Promise<StepResult> | undefined;
    for (let at = 0; at < count; at += micro) {
      // Signals are heard between two micro-batches: where the processor is the device, one may take seconds.
      await new Promise(setImmediate);
      const part = ((first + at) % batch) / micro + 1;
      this.doing = `step ${this.step + 1}: micro-batch ${part} of ${batch / micro}`;
      reporter.working(this.doing);
      const end = at + micro;
      const update =
        isLast && end === count
          ? {
              step: this.step + 1,
              lr: this.schedule.lr(this.step),
              weightDecay: this.schedule.weightDecay(this.step),
            }
          : undefined;
      const images = x.subarray(at * session.imageElems, end * session.imageElems);
      result = session.submit(images, targets.subarray(at * classes, end * classes), first + at, update);
    }
    return result && { result };
  }

  /** Where steps are slow, one is enough to keep the device busy, and a run that is asked to stop has fewer to finish. */
  private get outstanding(): number {
    return this.clock.recent > SLOW_STEP ? 1 : OUTSTANDING;
  }

  /** Waits for one step's result, logs it and checks that it is finite. */
  private async settle(result: Promise<StepResult>, step: number, before: Promise<void>): Promise<void> {
    const [{ loss, gradNorm, lossScale }] = await Promise.all([result, before]);
    this.clock.ended();
    this.news = performance.now();
    const { mean, recent } = this.clock;
    const imagesPerSecond = (1000 * this.job.recipe.batch.size) / recent;
    const epoch = Math.floor((step - 1) / this.stepsPerEpoch);
    const lr = this.schedule.lr(step - 1);
    await this.write({
      kind: 'step',
      step,
      epoch,
      lr,
      loss,
      gradNorm,
      ...(lossScale !== undefined && { lossScale }),
      imagesPerSecond,
    });
    // A gradient that overflows 16 bits is no error: the step was skipped, and the next has half the scale.
    const isOverflow = !Number.isFinite(gradNorm) && lossScale !== undefined && lossScale > LEAST_LOSS_SCALE;
    if (!Number.isFinite(loss) || (!Number.isFinite(gradNorm) && !isOverflow))
      throw await nonFiniteError(step, loss, gradNorm, this.job);
    this.job.reporter.progress({
      step,
      steps: this.schedule.totalSteps,
      epoch,
      epochs: this.job.recipe.schedule.epochs,
      loss,
      lr,
      imagesPerSecond: Number.isNaN(mean) ? NaN : imagesPerSecond,
      secondsLeft: ((this.schedule.totalSteps - step) * mean) / 1000,
    });
  }

  private async write(record: MetricsRecord): Promise<void> {
    await this.log.append([record]);
    this.job.reporter.record(record);
  }

  private async drain(): Promise<void> {
    while (this.pending.length > 0) await this.pending.shift();
  }

  /** Evaluation and checkpoint where they are due. The evaluation comes first, so that a checkpoint implies it. */
  private async afterStep(epochEnded: boolean): Promise<void> {
    const { evaluation, checkpoint, schedule } = this.job.recipe;
    const epochs = this.step / this.stepsPerEpoch;
    const evaluateNow = epochEnded && (epochs % evaluation.everyEpochs === 0 || epochs === schedule.epochs);
    const saveNow =
      (epochEnded && epochs % checkpoint.everyEpochs === 0) ||
      (checkpoint.everySteps !== null && this.step % checkpoint.everySteps === 0);
    if (evaluateNow || saveNow) await this.drain();
    if (evaluateNow) await this.evaluate();
    if (saveNow) await this.save();
  }

  private async evaluate(): Promise<void> {
    const { recipe, classes, session, reporter } = this.job;
    const averaged = recipe.evaluation.ema && session.emaParameters !== undefined;
    for (const weights of averaged ? (['raw', 'ema'] as const) : (['raw'] as const)) {
      const seen = (count: number, of: number) => {
        this.doing = `evaluating ${weights === 'ema' ? 'averaged' : 'raw'} weights: ${count} of ${of} images`;
        reporter.working(this.doing);
      };
      const { result, skipped } = await evaluateRun(recipe, classes, session, weights, reporter, seen).catch(
        async (error: unknown) => {
          throw await evaluationError(error, this.step, weights, this.job);
        },
      );
      this.evaluations[weights] = result;
      this.news = performance.now();
      const { count, top1, top5, loss } = result;
      const epoch = Math.ceil(this.step / this.stepsPerEpoch) - 1;
      await this.write({
        kind: 'evaluation',
        step: this.step,
        epoch,
        weights,
        top1,
        top5,
        loss,
        count,
        skipped,
      });
      reporter.evaluation(result, weights, this.step);
      if (this.best === null || top1 > this.best.top1) this.best = { top1, step: this.step, weights };
    }
    this.clock.goOn();
  }

  private async save(): Promise<void> {
    if (this.savedAt === this.step) return;
    const { session, folder, claim, recipeHash, recipe, classes } = this.job;
    const names = classMetadata(classes.classes);
    const { step, batchesTracked, best } = this;
    await claim.check();
    const files = await stateFiles(session, batchesTracked);
    await this.log.sync(); // a checkpoint implies the lines of its steps
    await saveCheckpoint(folder.checkpoints, { step, batchesTracked, best }, recipeHash, files, names);
    this.savedAt = step;
    await pruneCheckpoints(folder.checkpoints, {
      keep: recipe.checkpoint.keep,
      best: recipe.checkpoint.best ? best?.step : undefined,
    });
  }
}

/** One pass over the evaluation images with one of the session's sets of weights. @param seen told how far it is */
async function evaluateRun(
  recipe: Recipe,
  classes: ClassList,
  session: TrainingSession,
  weights: Weights,
  reporter: Reporter,
  seen: (count: number, of: number) => void,
): Promise<{ result: Evaluation; skipped: number }> {
  const loader = await openEvaluation(recipe, classes, session.plan.evaluationBatch, ({ key, message }) => {
    reporter.note(`left out: ${key}: ${message}`);
  });
  try {
    const counter = new EvaluationCounter(session.model.config.classes);
    let done = 0;
    seen(done, loader.length);
    for await (const batch of loader.evaluate()) {
      counter.add(await session.logits(batch.x, batch.labels.length, weights), batch.labels);
      seen((done += batch.labels.length), loader.length);
    }
    return { result: counter.result(), skipped: loader.failures.size };
  } finally {
    await loader.close();
  }
}

/** An evaluation as it was, from its line of the log. */
function evaluationOf({ count, top1, top5, loss }: MetricsRecord & { kind: 'evaluation' }): Evaluation {
  return { count, correct1: Math.round(top1 * count), correct5: Math.round(top5 * count), top1, top5, loss };
}

/** Says which step was not finite, and which tensors are. */
async function nonFiniteError(
  step: number,
  loss: number,
  gradNorm: number,
  { session, folder }: TrainingJob,
): Promise<FrameworkError> {
  const tensors = await session.nonFiniteTensors();
  const [first] = tensors;
  const others = tensors.length > 1 ? ` and ${tensors.length - 1} more tensors` : '';
  const where = first === undefined ? 'All gradients are finite.' : `Not finite: ${first}${others}.`;
  return new FrameworkError(
    'training/non-finite',
    `Step ${step} gave loss ${loss} and gradient norm ${gradNorm}. ${where}`,
    {
      hint: `${await lastGood(folder)} Lower optimizer.lr, lengthen the warm-up or set optimizer.clipNorm.`,
    },
  );
}

/** Of logits that are not finite: says of which step and weights, and what is kept. */
async function evaluationError(
  error: unknown,
  step: number,
  weights: Weights,
  { folder }: TrainingJob,
): Promise<unknown> {
  if (!(error instanceof FrameworkError) || error.code !== 'checkpoint/non-finite') return error;
  return new FrameworkError(
    error.code,
    `The evaluation after step ${step} with ${weights} weights: ${error.message}`,
    {
      hint: `${await lastGood(folder)} Lower optimizer.lr or lengthen the warm-up.`,
      cause: error,
    },
  );
}

/** Which checkpoint is good is said after it was read back. */
async function lastGood({ checkpoints }: RunFolder): Promise<string> {
  const found = await resumePoint(checkpoints, true).catch((error: unknown) => error);
  if (found === undefined) return 'There is no checkpoint yet.';
  if (found instanceof Error) return `No checkpoint is good: ${found.message}`;
  return `${(found as ResumePoint).checkpoint.folder} was saved before and read back: its checksums are right.`;
}
