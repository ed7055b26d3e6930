import { openEvaluation } from '../data.ts';
import { evaluationError } from '../failures.ts';
import type { TrainingJob } from '../job.ts';
import type { MetricsRecord } from '../log/metrics-log.ts';
import type { RunLook } from '../look/run-look.ts';
import type { Counters } from '../run/checkpoints.ts';
import type { Weights } from '../step/session.ts';
import { EvaluationCounter, measure, type Evaluation } from './evaluation.ts';
import { Agreements, ofAll, shareOf, type MeasuredBatch } from './shared.ts';

/** How a run's evaluations are heard of. */
export interface Listener {
  readonly write: (record: MetricsRecord) => Promise<void>;
  /** The current activity, in words. */
  readonly doing: (what: string) => void;
  readonly look: Pick<RunLook, 'evaluation' | 'evaluated'>;
}

/** The evaluations of a run between its steps, of raw and averaged weights. */
export class RunEvaluations {
  /** The latest of each. */
  readonly results: Partial<Record<Weights, Evaluation>> = {};
  best: Counters['best'];
  private readonly madeAt: Partial<Record<Weights, number>> = {};
  private readonly job: TrainingJob;
  private readonly stepsPerEpoch: number;
  private readonly listener: Listener;

  /** @param kept lines of the log: what was made at `step`, before its checkpoint, is neither made nor logged again */
  constructor(
    job: TrainingJob,
    stepsPerEpoch: number,
    step: number,
    kept: readonly MetricsRecord[],
    listener: Listener,
  ) {
    this.job = job;
    this.stepsPerEpoch = stepsPerEpoch;
    this.listener = listener;
    this.best = job.resume?.info.best ?? null;
    for (const record of kept)
      if (record.kind === 'evaluation' && record.step === step)
        this.take(step, record.weights, evaluationOf(record));
  }

  /** Whether the run evaluates after `step`, and has not done so. */
  isDue(step: number): boolean {
    const { evaluation, schedule } = this.job.recipe;
    const epochs = step / this.stepsPerEpoch;
    const isEpoch = Number.isInteger(epochs) && step > 0;
    return (
      isEpoch &&
      (epochs % evaluation.everyEpochs === 0 || epochs === schedule.epochs) &&
      this.sets.some((weights) => this.madeAt[weights] !== step)
    );
  }

  /** Evaluates what was not evaluated after `step`. An interruption ends it after the batch under way; what is missing stays due. */
  async make(step: number): Promise<void> {
    const { reporter } = this.job;
    for (const weights of this.sets) {
      if (this.madeAt[weights] === step) continue;
      const made = await this.pass(weights, step).catch(async (error: unknown) => {
        throw await evaluationError(error, step, weights, this.job);
      });
      if (made === undefined) return;
      const { count, top1, top5, loss } = made.result;
      const epoch = Math.ceil(step / this.stepsPerEpoch) - 1;
      const { skipped } = made;
      await this.listener.write({
        kind: 'evaluation',
        step,
        epoch,
        weights,
        top1,
        top5,
        loss,
        count,
        skipped,
      });
      reporter.evaluation(made.result, weights, step);
      this.take(step, weights, made.result);
    }
  }

  private get sets(): readonly Weights[] {
    const { recipe, session } = this.job;
    return recipe.evaluation.ema && session.emaParameters !== undefined ? ['raw', 'ema'] : ['raw'];
  }

  private take(step: number, weights: Weights, result: Evaluation): void {
    this.results[weights] = result;
    this.madeAt[weights] = step;
    const { top1 } = result;
    if (this.best === null || top1 > this.best.top1) this.best = { top1, step, weights };
  }

  /** One pass over the evaluation images; undefined where it was interrupted. */
  private async pass(
    weights: Weights,
    step: number,
  ): Promise<{ result: Evaluation; skipped: number } | undefined> {
    const { recipe, classes, session, reporter, interrupted, agree, ranks } = this.job;
    const loader = await openEvaluation(recipe, classes, session.plan.evaluationBatch, ({ key, message }) => {
      reporter.failure(`left out: ${key}: ${message}`);
    });
    try {
      const count = session.model.config.classes;
      const measured: MeasuredBatch[] = [];
      const agreements = new Agreements(agree, ranks, loader.steps);
      // A rank sees its share only.
      const watch = ranks === undefined ? this.listener.look.evaluation() : undefined;
      const name = weights === 'ema' ? 'averaged' : 'raw';
      let done = 0;
      const seen = () => {
        this.listener.doing(
          `evaluating ${name} weights: ${Math.min(done, loader.length)} of ${loader.length} images`,
        );
      };
      seen();
      for await (const batch of loader.evaluate(shareOf(ranks))) {
        await agreements.before(batch.step);
        if (interrupted()) return undefined;
        const { x, labels } = batch;
        const logits = await session.logits(x, labels.length, weights);
        measured.push({ step: batch.step, values: measure(logits, labels, count) });
        watch?.add(logits, batch);
        done += labels.length * (ranks?.size ?? 1);
        seen();
      }
      await agreements.end();
      if (ranks !== undefined && interrupted()) return undefined;
      if (watch !== undefined) this.listener.look.evaluated(watch, step, weights);
      const failures = [...loader.failures.keys()];
      const all = await ofAll(ranks, { measured, failures });
      const counter = new EvaluationCounter(count);
      for (const { values } of all.measured) counter.addMeasured(values);
      return { result: counter.result(), skipped: all.failures.length };
    } finally {
      await loader.close();
    }
  }
}

/** An evaluation as it was, from its line of the log. */
function evaluationOf({ count, top1, top5, loss }: MetricsRecord & { kind: 'evaluation' }): Evaluation {
  return { count, correct1: Math.round(top1 * count), correct5: Math.round(top5 * count), top1, top5, loss };
}
