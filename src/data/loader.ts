/**
 * Batches of normalised images, made ahead of time. What a batch holds depends on (seed, epoch, step) alone: not on the number
 * of workers, not on where the run was resumed.
 */
import type { Dataset, DatasetSpec } from './dataset.ts';
import { openDataset } from './datasets.ts';
import { epochLength, epochOrder, isIn } from './order.ts';
import type { LoaderShare, TrainingStart } from './order.ts';
import { inProcessPool, workerPool } from './pool.ts';
import type { Pool } from './pool.ts';
import type { Failure, Pipeline, RenderJob, RenderOptions } from './render.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import type { Cancellation } from '../util/threads.ts';
import { cancelled } from '../util/threads.ts';

export interface LoaderOptions {
  readonly dataset: DatasetSpec;
  readonly pipeline: Pipeline;
  readonly batchSize: number;
  /** Worker threads; 0 = in this process. */
  readonly workers: number;
  readonly seed: number;
  /** Views of each image in a row (repeated augmentation); default 1. Training only. */
  readonly repeats?: number;
  /** Leave out a last batch that is not full; default true in training. Evaluation never drops. */
  readonly dropLast?: boolean;
  /** Samples to use, in this order; default all. */
  readonly indices?: Uint32Array;
  /** Use only so many samples, spread evenly over the data set: the first ones would all be of one class. */
  readonly limit?: number;
  /** A new order in every epoch; default true. False: the order of the data set. Training only. */
  readonly shuffle?: boolean;
  /** See {@link RenderOptions.onError}; default `fail`. */
  readonly onError?: 'skip' | 'fail';
  /** Batches made ahead of the one in use; default 2. */
  readonly prefetch?: number;
  /** Told once of each image that could not be read. */
  readonly onFailure?: (failure: Failure) => void;
}

export interface Batch {
  /** (n, 3, size, size). The memory is used again: valid until the next batch is asked for. */
  readonly x: Float32Array;
  /** (n) */
  readonly labels: Int32Array;
  readonly keys: readonly string[];
  /** (n) index in the data set of each image. */
  readonly indices: Int32Array;
  readonly epoch: number;
  readonly step: number;
}

/** The batches to come: which samples, and under which number of the random stream. */
interface Plan {
  readonly epoch: number;
  readonly step: number;
  readonly items: readonly number[];
  readonly streams: readonly number[];
}

/** Largest part of a batch that is sent to a worker at once. */
const MAX_CHUNK = 32;

/** @example
 *  const loader = await Loader.open({ dataset, pipeline, batchSize: 128, workers: 8, seed: 0 });
 *  for await (const { x, labels } of loader.train({ epoch: 0, step: 0, epochs: 300 })) …
 *  await loader.close();
 */
export class Loader {
  readonly dataset: Dataset;
  /** Samples in use. */
  readonly length: number;
  /** Batches of one training epoch, or of one evaluation. */
  readonly steps: number;
  private readonly options: LoaderOptions;
  private readonly pool: Pool;
  private readonly floats: number;
  private readonly failed = new Map<string, { message: string; count: number }>();
  private active: Cancellation | undefined;

  private constructor(options: LoaderOptions, dataset: Dataset, pool: Pool) {
    this.options = options;
    this.dataset = dataset;
    this.pool = pool;
    this.length = options.indices?.length ?? dataset.length;
    this.floats = 3 * options.pipeline.size ** 2;
    this.steps = this.countSteps();
  }

  /** @throws FrameworkError if the data cannot be opened or the settings do not fit them */
  static async open(options: LoaderOptions): Promise<Loader> {
    checkCounts(options);
    const dataset = await openDataset(options.dataset);
    const { pipeline, seed, onError = 'fail', workers } = options;
    const indices = options.indices ?? spread(dataset.length, options.limit);
    const render: RenderOptions = { pipeline, seed, onError, indices };
    try {
      checkIndices(dataset, indices);
      // Made even where threads render: it checks the pipeline's settings here and now.
      const local = inProcessPool(dataset, render);
      const setup = { spec: options.dataset, length: dataset.length, options: render };
      const pool = workers === 0 ? local : workerPool(workers, setup);
      return new Loader(indices === undefined ? options : { ...options, indices }, dataset, pool);
    } catch (error) {
      await dataset.close();
      throw error;
    }
  }

  /** Images that could not be read so far: by key, what was wrong and how often it was met. */
  get failures(): ReadonlyMap<string, { readonly message: string; readonly count: number }> {
    return this.failed;
  }

  /** Training batches from step `step` of epoch `epoch` up to the end of epoch `epochs` − 1. */
  async *train(from: TrainingStart): AsyncGenerator<Batch, void> {
    if (this.options.pipeline.mode !== 'train') throw wrongMode('train');
    if (this.steps === 0)
      throw new FrameworkError(
        'data/batch-size',
        `a batch of ${this.options.batchSize} was asked for, but ${this.dataset.name} has ${this.length} samples`,
        { hint: 'use a smaller batch, or keep the last batch' },
      );
    yield* this.run(this.trainPlans(from));
  }

  /** All samples in order; the last batch may be smaller, and unreadable images are left out if `onError` is `skip`. */
  async *evaluate(share?: LoaderShare): AsyncGenerator<Batch, void> {
    if (this.options.pipeline.mode !== 'eval') throw wrongMode('eval');
    yield* this.run(this.evaluationPlans(share));
  }

  /** Ends the workers at once; a batch that is being waited for is rejected. */
  async close(): Promise<void> {
    if (this.active !== undefined) this.active.cancelled = true;
    await this.pool.close();
    await this.dataset.close();
  }

  private countSteps(): number {
    const { batchSize, repeats = 1, pipeline, dropLast = true } = this.options;
    if (pipeline.mode === 'eval') return Math.ceil(this.length / batchSize);
    const samples = epochLength(this.length, repeats);
    return dropLast ? Math.floor(samples / batchSize) : Math.ceil(samples / batchSize);
  }

  private *trainPlans(from: TrainingStart): Generator<Plan> {
    const { batchSize, seed, repeats = 1, shuffle = true } = this.options;
    const samples = epochLength(this.length, repeats);
    for (let epoch = from.epoch; epoch < from.epochs; epoch++) {
      const order = epochOrder(seed, epoch, this.length, repeats, shuffle);
      for (let step = epoch === from.epoch ? from.step : 0; step < this.steps; step++) {
        if (!isIn(step, from.share)) continue;
        const start = step * batchSize;
        const items = [...order.subarray(start, Math.min(start + batchSize, samples))];
        yield { epoch, step, items, streams: items.map((_, i) => epoch * this.length + start + i) };
      }
    }
  }

  private *evaluationPlans(share: LoaderShare | undefined): Generator<Plan> {
    const { batchSize } = this.options;
    for (let step = 0; step < this.steps; step++) {
      if (!isIn(step, share)) continue;
      const start = step * batchSize;
      const items = Array.from({ length: Math.min(batchSize, this.length - start) }, (_, i) => start + i);
      yield { epoch: 0, step, items, streams: items };
    }
  }

  private async *run(plans: Generator<Plan>): AsyncGenerator<Batch, void> {
    if (this.active !== undefined)
      throw new FrameworkError('data/busy', 'this loader is already giving batches', {
        hint: 'finish or leave the first loop before the second one starts',
      });
    const cancellation: Cancellation = { cancelled: false };
    this.active = cancellation;
    const { batchSize, prefetch = 2 } = this.options;
    const floats = batchSize * this.floats;
    const free = Array.from({ length: prefetch }, () => new SharedArrayBuffer(4 * floats));
    // Ordinary memory for the caller: Dawn's writeBuffer ends the process when it is given shared memory.
    const x = new Float32Array(floats);
    const ahead: { slot: SharedArrayBuffer; batch: Promise<Rendered> }[] = [];
    const fill = (): void => {
      while (free.length > 0) {
        const plan = plans.next();
        if (plan.done === true) return;
        const slot = defined(free.pop(), 'a free slot');
        const batch = this.render(plan.value, slot, cancellation);
        batch.catch(() => undefined); // it is awaited in its turn; until then it must not count as unhandled
        ahead.push({ slot, batch });
      }
    };
    try {
      for (fill(); ; fill()) {
        const first = ahead.shift();
        if (first === undefined) return;
        const rendered = await first.batch;
        // Closed in the meantime: the data set may have been closed under the images that were still being read.
        if (cancellation.cancelled) throw cancelled();
        const batch = this.collect(rendered, new Float32Array(first.slot), x);
        free.push(first.slot);
        fill();
        if (batch.keys.length > 0) yield batch;
      }
    } finally {
      cancellation.cancelled = true;
      if (this.active === cancellation) this.active = undefined;
    }
  }

  /** Splits a batch into jobs, so that all workers share each batch. */
  private async render(plan: Plan, slot: SharedArrayBuffer, cancellation: Cancellation): Promise<Rendered> {
    const { items, streams } = plan;
    const chunk = Math.min(MAX_CHUNK, Math.ceil(items.length / Math.max(1, this.options.workers)));
    const jobs: RenderJob[] = [];
    for (let at = 0; at < items.length; at += chunk)
      jobs.push({ slot, at, items: items.slice(at, at + chunk), streams: streams.slice(at, at + chunk) });
    const results = await Promise.all(jobs.map((job) => this.pool.run(job, cancellation)));
    return {
      plan,
      indices: results.flatMap((result) => result.indices),
      failures: results.flatMap((result) => result.failures),
    };
  }

  /** Copies the images that are there from the shared slot to `x`, closing the gaps. */
  private collect({ plan, indices, failures }: Rendered, slot: Float32Array, x: Float32Array): Batch {
    for (const failure of failures) this.report(failure);
    const present: number[] = [];
    indices.forEach((index, place) => {
      if (index < 0) return;
      const image = slot.subarray(place * this.floats, (place + 1) * this.floats);
      x.set(image, present.length * this.floats);
      present.push(index);
    });
    return {
      x: x.subarray(0, present.length * this.floats),
      labels: Int32Array.from(present, (index) => this.dataset.label(index)),
      keys: present.map((index) => this.dataset.key(index)),
      indices: Int32Array.from(present),
      epoch: plan.epoch,
      step: plan.step,
    };
  }

  private report(failure: Failure): void {
    const known = this.failed.get(failure.key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    this.failed.set(failure.key, { message: failure.message, count: 1 });
    this.options.onFailure?.(failure);
  }
}

interface Rendered {
  readonly plan: Plan;
  readonly indices: readonly number[];
  readonly failures: readonly Failure[];
}

function checkCounts(options: LoaderOptions): void {
  const { batchSize, workers, repeats = 1, prefetch = 2, pipeline } = options;
  const counts = [
    ['batchSize', batchSize, 1],
    ['workers', workers, 0],
    ['repeats', repeats, 1],
    ['prefetch', prefetch, 1],
    ['size', pipeline.size, 1],
  ] as const;
  for (const [name, value, least] of counts)
    if (!Number.isInteger(value) || value < least)
      throw new FrameworkError('data/setting', `loader: ${name} is ${value}`, {
        hint: `it must be an integer of at least ${least}`,
      });
}

function checkIndices(dataset: Dataset, indices: Uint32Array | undefined): void {
  const bad = indices?.find((index) => index >= dataset.length);
  if (bad !== undefined)
    throw new FrameworkError('data/bad-index', `sample ${bad} was asked of ${dataset.name}, which has ${dataset.length}`);
  if (indices?.length === 0) throw new FrameworkError('data/empty', 'an empty list of samples was asked for');
}

/** `limit` of `length` samples at even distances; undefined for all. */
function spread(length: number, limit: number | undefined): Uint32Array | undefined {
  if (limit === undefined || limit >= length) return undefined;
  return Uint32Array.from({ length: limit }, (_, i) => Math.floor((i * length) / limit));
}

function wrongMode(mode: 'train' | 'eval'): FrameworkError {
  return new FrameworkError('data/mode', `this loader's pipeline is not for ${mode}`, {
    hint: `open it with pipeline.mode = '${mode}'`,
  });
}
