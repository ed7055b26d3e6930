import { classMetadata } from '../data/class-metadata.ts';
import { nextTurn } from '../util/turn.ts';
import { mixGroupOf, TargetMaker } from './data.ts';
import { RunEvaluations } from './evaluation/run-evaluations.ts';
import { nonFiniteError } from './failures.ts';
import type { TrainingJob } from './job.ts';
import type { MetricsRecord } from './log/metrics-log.ts';
import { duration, withSigns } from './log/reporter.ts';
import { StepClock } from './log/step-clock.ts';
import { RunLook } from './look/run-look.ts';
import { pruneCheckpoints, saveCheckpoint } from './run/checkpoints.ts';
import type { TrainingSummary } from './run/run-folder.ts';
import { loadState, stateFiles } from './run/run-state.ts';
import { scheduleOf, stepsPerEpoch, type Schedule } from './schedule.ts';
import type { StepResult } from './step/step-result.ts';
import { untoldMetadata } from './weights/recognise.ts';
import { groupsOf, openLog, shareState, type RunLog } from './together.ts';

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
  private readonly log: RunLog;
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
  private savedAt = -1;
  /** Steps that overflowed 16 bits, of the whole run. */
  private skipped: number | undefined;
  /** For signs of life. */
  private doing = 'the first batch';
  /** When a step or an evaluation ended, in ms. */
  private news = performance.now();
  private readonly evaluations: RunEvaluations;
  private readonly look: RunLook;

  private constructor(job: TrainingJob, log: RunLog) {
    this.job = job;
    this.log = log;
    this.stepsPerEpoch = stepsPerEpoch(job.loader.length, job.recipe.batch.size);
    this.schedule = scheduleOf(job.recipe, this.stepsPerEpoch);
    this.targets = new TargetMaker(job.recipe, job.session.model.config.classes);
    const counters = job.resume?.info;
    this.step = counters?.step ?? 0;
    this.firstStep = this.step;
    this.batchesTracked = counters?.batchesTracked ?? 0;
    this.look = new RunLook(job, this.schedule, this.stepsPerEpoch);
    this.evaluations = new RunEvaluations(job, this.stepsPerEpoch, this.step, log.kept, {
      look: this.look,
      write: (record) => this.write(record),
      doing: (what) => {
        this.works(what);
      },
    });
  }

  static async start(job: TrainingJob): Promise<TrainingRun> {
    const { device, session, folder, resume, reporter, ranks } = job;
    if (resume !== undefined && (ranks?.isFirst ?? true)) await loadState(session, resume);
    if (ranks !== undefined) await shareState(device, session, ranks);
    const log = await openLog(folder.metrics, resume?.info.step ?? 0, reporter, ranks);
    return new TrainingRun(job, log);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.pending);
    await this.look.close();
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
    // An earlier process was stopped in the evaluation that its checkpoint ends with.
    if (this.evaluations.isDue(this.step)) await this.evaluate();
    let isStopped = this.isStopped(last);
    while (!isStopped && this.step < last) {
      await this.epoch(last);
      isStopped = this.isStopped(last);
    }
    await this.drain();
    await this.save();
    if (this.skipped !== undefined && this.skipped > 0)
      this.job.reporter.note(
        `skipped ${this.skipped} of ${this.step} steps, whose gradient overflowed 16 bits; AdamW does not count them`,
      );
    const outcome = isStopped ? 'interrupted' : last < this.schedule.totalSteps ? 'max-steps' : 'finished';
    return {
      outcome,
      step: this.step,
      steps: this.schedule.totalSteps,
      ...this.clock.totals(this.step - this.firstStep, this.job.recipe.batch.size),
      ...(this.skipped !== undefined && { skippedSteps: this.skipped }),
      best: this.evaluations.best,
      evaluations: this.evaluations.results,
    };
  }

  /** Whether an interruption leaves something to do. */
  private isStopped(last: number): boolean {
    return this.job.interrupted() && (this.step < last || this.evaluations.isDue(this.step));
  }

  /** The rest of the current epoch, or up to step `last`, or to an interruption. */
  private async epoch(last: number): Promise<void> {
    const { recipe, session, loader, ranks } = this.job;
    const group = mixGroupOf(recipe);
    const groupsPerStep = recipe.batch.size / group;
    const { from, to } = groupsOf(ranks, groupsPerStep);
    const epoch = Math.floor(this.step / this.stepsPerEpoch);
    const step = (this.step % this.stepsPerEpoch) * groupsPerStep;
    const share = { every: groupsPerStep, from, to };
    let inStep = 0;
    for await (const batch of loader.train({ epoch, step, epochs: epoch + 1, share })) {
      const number = this.step * groupsPerStep + from + inStep;
      const targets = this.targets.make(batch.x, batch.labels, number);
      await session.ready();
      this.look.group(batch, targets, inStep === 0);
      inStep++;
      const done = await this.submitGroup(batch.x, targets, number * group, inStep === to - from);
      if (done === 'given up') return;
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
      await this.job.agree();
      if (ended || this.step >= last || this.job.interrupted()) return;
    }
  }

  /** Submits one group's micro-batches; the result of the step with its last one. An interruption gives a step up where that loses no more. */
  private async submitGroup(
    x: Float32Array,
    targets: Float32Array,
    first: number,
    isLast: boolean,
  ): Promise<{ readonly result: Promise<StepResult> } | 'given up' | undefined> {
    const { session } = this.job;
    const { micro, batch } = session.plan;
    const count = x.length / session.imageElems;
    const classes = targets.length / count;
    let result: Promise<StepResult> | undefined;
    for (let at = 0; at < count; at += micro) {
      // Signals are heard between two micro-batches: where the processor is the device, one may take seconds.
      await nextTurn();
      if (this.canGiveUp && this.job.interrupted()) return 'given up';
      const part = ((first + at) % batch) / micro + 1;
      this.works(`step ${this.step + 1}: micro-batch ${part} of ${batch / micro}`);
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

  /** Micro-batches change nothing but the gradient, unless there are running statistics; and there is a step of this process to save. */
  private get canGiveUp(): boolean {
    return this.step > this.firstStep && this.job.session.state.layout.members.length === 0;
  }

  /** One slow step keeps the device busy, and with fewer steps in flight a run stops sooner. */
  private get outstanding(): number {
    return this.clock.recent > SLOW_STEP ? 1 : OUTSTANDING;
  }

  /** Waits for one step's result, logs it and checks that it is finite. */
  private async settle(result: Promise<StepResult>, step: number, before: Promise<void>): Promise<void> {
    const [{ loss, gradNorm, lossScale, skipped, exposedMs }] = await Promise.all([result, before]);
    this.skipped = skipped;
    this.clock.ended();
    const { mean, recent } = this.clock;
    // Kernels compile in a process's first step.
    const imagesPerSecond = Number.isNaN(mean) ? null : (1000 * this.job.recipe.batch.size) / recent;
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
      ...(exposedMs !== undefined && { exposedMs }),
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
      imagesPerSecond: imagesPerSecond ?? NaN,
      secondsLeft: ((this.schedule.totalSteps - step) * mean) / 1000,
    });
  }

  private async write(record: MetricsRecord): Promise<void> {
    await this.log.append([record]);
    this.news = performance.now();
    this.job.reporter.record(record);
  }

  private async drain(): Promise<void> {
    while (this.pending.length > 0) await this.pending.shift();
  }

  private works(what: string): void {
    this.doing = what;
    this.job.reporter.working(what);
  }

  /** Evaluation and checkpoint where they are due. The evaluation comes first, so that a checkpoint implies it, or an interruption. */
  private async afterStep(epochEnded: boolean): Promise<void> {
    const { checkpoint } = this.job.recipe;
    const epochs = this.step / this.stepsPerEpoch;
    const evaluateNow = this.evaluations.isDue(this.step);
    const saveNow =
      (epochEnded && epochs % checkpoint.everyEpochs === 0) ||
      (checkpoint.everySteps !== null && this.step % checkpoint.everySteps === 0);
    if (evaluateNow || saveNow) await this.drain();
    if (evaluateNow) await this.evaluate();
    if (saveNow) await this.save();
  }

  private async evaluate(): Promise<void> {
    await this.evaluations.make(this.step);
    this.clock.goOn();
  }

  private async save(): Promise<void> {
    const { session, folder, claim, recipeHash, recipe, classes, ranks } = this.job;
    if (this.savedAt === this.step || ranks?.isFirst === false) return;
    const names = { ...classMetadata(classes.classes), ...(await untoldMetadata(session.model)) };
    const { step, batchesTracked } = this;
    const { best } = this.evaluations;
    await claim?.check();
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
